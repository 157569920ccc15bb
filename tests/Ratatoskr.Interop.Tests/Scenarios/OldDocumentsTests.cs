using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Documents written by old versions of Automerge, taken in by one client and read by another.</summary>
public class OldDocumentsTests(Stage stage)
{
    public static TheoryData<string> Files =>
    [
        "bench/essay.amrg", "bench/godot-modeled.amrg", "bench/moby-dick.automerge", "bench/monday-meeting-notes.automerge",
        "egwalker/A1.am", "egwalker/C1.am", "traces/automerge-paper-change-per-edit.am", "traces/perf-text-doc.amrg",
        "fixtures/exemplar", "fixtures/two_change_chunks.automerge", "fixtures/two_change_chunks_compressed.automerge",
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Document_from_elsewhere_goes_through_the_server_unchanged(string file)
    {
        Repository.SkipOrFail(Repository.Vectors is not null, "no folder of Automerge documents: set AUTOMERGE_VECTORS");
        TestServer server = await stage.ServerAsync("old documents"); // its own: some keep a server busy for seconds
        await using JsRepo alice = await stage.OpenAsync(server: server);
        await using JsRepo bob = await stage.OpenAsync(server: server);
        Seen imported = await alice.ImportAsync(Path.Combine(Repository.Vectors!, "automerge", file));
        await alice.UntilAcknowledgedAsync(imported.DocumentId);

        Seen found = await bob.GetAsync(imported.DocumentId);
        found = await bob.UntilHasAsync(imported.DocumentId, imported.Heads);

        Assert.True(found.SameAs(imported));
        Seen edited = await bob.ChangeAsync(imported.DocumentId, "d.editedBy = 'bob'");
        await alice.UntilHasAsync(imported.DocumentId, edited.Heads);
    }
}
