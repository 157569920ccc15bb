using Ratatoskr.Interop.Tests.Clients;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Both sides edit at once, without waiting for each other, and end with the same document.</summary>
public class ConvergenceTests(Stage stage)
{
    [Theory]
    [InlineData("text", "{ x: 'abc' }", "A.splice(d, ['x'], 0, 1, 'ALICE')", "A.splice(d, ['x'], 3, 0, 'BOB')")]
    [InlineData("list", "{ x: [1, 2, 3] }", "d.x.insertAt(1, 'a'); d.x.deleteAt(0)", "d.x.push('b', 'c'); d.x[1] = 9")]
    [InlineData("nested map", "{ x: { k: 1 } }", "d.x.k = 'alice'; d.x.a = { deep: [true] }", "d.x.k = 'bob'; delete d.x.k; d.x.b = null")]
    [InlineData("counter", "{ x: new A.Counter(10) }", "d.x.increment(5)", "d.x.decrement(3)")]
    [InlineData("types", "{}", "d.x = new Date(1); d.y = new Uint8Array([1, 2, 3]); d.f = 1.5", "d.x = -4; d.big = 2 ** 40; d.e = '👩‍👩‍👧'")]
    public async Task Concurrent_edits_converge(string _, string start, string aliceEdits, string bobEdits)
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        string id = (await alice.CreateAsync(start)).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        Seen[] edited = await Task.WhenAll(alice.ChangeAsync(id, aliceEdits), bob.ChangeAsync(id, bobEdits));

        Seen atAlice = await alice.UntilHasAsync(id, edited[1].Heads);
        Seen atBob = await bob.UntilHasAsync(id, edited[0].Heads);
        Assert.True(atAlice.SameAs(atBob), $"{atAlice.Value}\n{atBob.Value}");
    }

    [Fact]
    public async Task Marks_on_text_converge()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        string id = (await alice.CreateAsync("{ x: 'the quick fox' }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        Seen bold = await alice.ChangeAsync(id, "A.mark(d, ['x'], { start: 0, end: 9, expand: 'both' }, 'bold', true)");
        Seen link = await bob.ChangeAsync(id, "A.mark(d, ['x'], { start: 4, end: 13, expand: 'none' }, 'link', 'https://example.org')");
        await alice.UntilHasAsync(id, link.Heads);
        await bob.UntilHasAsync(id, bold.Heads);
        Seen spansAtAlice = await alice.ChangeAsync(id, "d.spans = JSON.stringify(A.marks(d, ['x']))");
        Seen spansAtBob = await bob.UntilHasAsync(id, spansAtAlice.Heads);
        Seen again = await bob.ChangeAsync(id, "d.same = d.spans === JSON.stringify(A.marks(d, ['x']))");

        Assert.True((bool)again.Value!["same"]!, spansAtBob.Value!.ToJsonString());
    }

    [Fact]
    public async Task Four_clients_typing_at_once_converge()
    {
        const int Rounds = 25;
        JsRepo[] repos = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => stage.OpenAsync()));
        string id = (await repos[0].CreateAsync("{ text: '' }")).DocumentId;
        await repos[0].UntilAcknowledgedAsync(id);
        foreach (JsRepo repo in repos[1..]) await repo.GetAsync(id);

        Seen[] last = await Task.WhenAll(repos.Select((repo, n) => repo.ChangeAsync(id, $"A.splice(d, ['text'], d.text.length, 0, '{n}')", times: Rounds)));

        string[] all = [.. last.SelectMany(seen => seen.Heads)];
        Seen[] seen = await Task.WhenAll(repos.Select(repo => repo.UntilHasAsync(id, all)));
        Assert.All(seen, document => Assert.True(document.SameAs(seen[0])));
        Assert.Equal(4 * Rounds, ((string)seen[0].Value!["text"]!).Length);
        foreach (JsRepo repo in repos) await repo.DisposeAsync();
    }

    [Fact]
    public async Task Burst_of_1000_changes_all_arrive()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        string id = (await alice.CreateAsync("{ n: 0 }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        Seen last = await alice.ChangeAsync(id, "d.n = d.n + 1", times: 1000);

        Seen atBob = await bob.UntilHasAsync(id, last.Heads);
        Assert.Equal(1000, (int)atBob.Value!["n"]!);
        await alice.UntilAcknowledgedAsync(id);
    }
}
