using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

public sealed class CrashTests
{
    [Fact]
    public async Task No_acknowledged_append_is_missing_after_sigkill()
    {
        const int rounds = 10;
        using StoreFolder folder = new();
        ConcurrentDictionary<int, ulong> acknowledged = new();
        Random random = new(42);
        for (int round = 0; round < rounds; round++)
        {
            int answers = await RunAndKillAsync(folder.Path, acknowledged, linesMin: random.Next(1, 3000));
            Assert.True(answers > 0, "the child acknowledged nothing");
            await using FasterChunkStore store = await FasterChunkStore.OpenAsync(CrashChild.Restless(folder.Options));
            for (int document = 0; document < CrashChild.Documents; document++)
            {
                StoredDocument stored = await store.LoadAsync(Id(document));
                ulong folded = stored.Snapshot.Index.IsEmpty ? 0 : BitConverter.ToUInt64(stored.Snapshot.Index.Span);
                if (folded > 0) Assert.Equal(Bytes(document, 40_000), stored.Snapshot.Chunk.ToArray());
                ulong last = folded;
                foreach (TailEntry entry in stored.Tail)
                {
                    Assert.Equal(++last, entry.Sequence);
                    Assert.Equal(CrashChild.Content(document, entry.Sequence), entry.Chunks.ToArray());
                }

                ulong promised = acknowledged.GetValueOrDefault(document);
                Assert.True(last >= promised, $"round {round}, document {document}: {promised} was acknowledged, {last} is there");
                // More may be there than was promised. It stays.
                acknowledged[document] = last;
            }
        }
    }

    private static async Task<int> RunAndKillAsync(string folder, ConcurrentDictionary<int, ulong> acknowledged, int linesMin)
    {
        ProcessStartInfo start = new("dotnet", [typeof(CrashTests).Assembly.Location])
        {
            Environment = { [CrashChild.Variable] = folder },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        int lines = 0;
        while (await child.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] words = line.Split(' ');
            // The last line may be cut.
            if (words.Length != 2 || words[0] == "opened" || !ulong.TryParse(words[1], CultureInfo.InvariantCulture, out ulong number)) continue;
            int document = int.Parse(words[0], CultureInfo.InvariantCulture);
            if (number > acknowledged.GetValueOrDefault(document) + 1) continue;   // a cut line that still reads as a number is not one answer further
            acknowledged[document] = Math.Max(number, acknowledged.GetValueOrDefault(document));
            if (++lines == linesMin) child.Kill();
        }

        await child.WaitForExitAsync();
        Assert.True(lines >= linesMin, $"the child ended by itself: {await errors}");
        return lines;
    }
}
