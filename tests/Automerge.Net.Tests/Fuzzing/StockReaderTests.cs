using System.Text.Json;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Documents;
using Automerge.Tests.Lockstep;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>
/// Whatever hostile input is taken in here, automerge 3.5.0 must be able to live with: it applies it, says the same, its save is ours, it reads that save and goes on.
/// </summary>
public class StockReaderTests
{
    private const int BatchSize = 25;

    // What does not count: values of unknown types, for which the notation has no words; dates that JavaScript does not have; and that 3.5.0 shows no text in which a
    // counter was counted on where a block is now, which is its own affair: counters in texts are allowed.
    private static readonly string[] SaidOtherwise = ["Unknown", "3.5.0 says \"NaN\"", "cant convert op into a value - Op"];

    [Fact]
    public void Accepted_changes_are_good_for_automerge() => Compare(150, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        int known = one.Random.Next(document.Changes.Count);
        byte[] save = known == 0 ? [] : document.Save(known), change = one.Input = ChangeMutator.Mutate(one.Random, document, known);
        Document target = Document.Load(save, FuzzOracles.Self, FuzzOracles.Options);
        try
        {
            if (target.ApplyChanges(change).Added == 0) return null;
        }
        catch (AutomergeFormatException)
        {
            return null;
        }

        return new Trial(one, save, [change], target);
    });

    [Fact]
    public void Accepted_documents_are_good_for_automerge() => Compare(150, one =>
    {
        FuzzDocument document = one.Pick(FuzzCorpus.Documents);
        byte[] honest = document.Save(one.Random.Next(document.Changes.Count + 1)), bytes = one.Input = DocumentMutator.Mutate(one.Random, honest, FuzzOracles.Limits);
        try
        {
            Document target = Document.Load(bytes, FuzzOracles.Self, FuzzOracles.Options);
            if (bytes.AsSpan().SequenceEqual(honest)) return null;
            return new Trial(one, bytes, [], target);
        }
        catch (AutomergeFormatException)
        {
            return null;
        }
    });

    // Each trial twice: given whole, and change by change to a document that has nothing, as peers get it that lack only some.
    private static void Compare(int trialsByDefault, Func<FuzzCase, Trial?> make, [System.Runtime.CompilerServices.CallerMemberName] string target = "")
    {
        LockstepNode node = LockstepNode.Start();
        List<Trial> waiting = [];
        int compared = 0;
        try
        {
            FuzzRun.Run(
                int.MaxValue,
                one =>
                {
                    if (make(one) is not { } trial) return "not taken in";
                    waiting.Add(trial);
                    waiting.Add(trial with { Document = [], Changes = [.. trial.Ours.Changes().Select(change => change.ToArray())] });
                    compared++;
                    if (waiting.Count < BatchSize) return null;
                    CompareAll(ref node, waiting);
                    return null;
                },
                target,
                () => !FuzzRun.IsLong && compared >= trialsByDefault);
        }
        finally
        {
            node.Dispose();
        }
    }

    private static void CompareAll(ref LockstepNode node, List<Trial> trials)
    {
        List<string> differences = [];
        Trial[] all = [.. trials];
        trials.Clear();
        while (all.Length > 0)
        {
            // After a failure 3.5.0 may be in disorder: what follows is asked again in another process.
            IReadOnlyList<JsonElement> answers = node.Judge(all.Select(trial => (trial.Document, trial.Changes)));
            int failed = answers.Select((answer, index) => (answer, index)).FirstOrDefault(said => said.answer.TryGetProperty("error", out _), (default, -1)).index;
            for (int i = 0; i < (failed < 0 ? all.Length : failed + 1); i++)
            {
                if (Difference(all[i], answers[i]) is { } difference) differences.Add($"seed {all[i].Case.Seed}, {(all[i].Document.Length == 0 ? "change by change" : "whole")}: {difference}\n{Describe(all[i])}");
            }

            if (failed < 0) break;
            all = all[(failed + 1)..];
            node.Dispose();
            node = LockstepNode.Start();
        }

        Assert.True(differences.Count == 0, string.Join("\n\n", differences));
    }

    private static string? Difference(Trial trial, JsonElement answer)
    {
        try
        {
            if (answer.TryGetProperty("error", out JsonElement error) && SaidOtherwise.Any(words => error.GetString()!.Contains(words, StringComparison.Ordinal))) return null;
            if (error.ValueKind == JsonValueKind.String) return $"3.5.0 fails to {answer.GetProperty("at")}: {error}";
            Document ours = trial.Ours;
            Assert.Equal(ours.Heads, LockstepHistory.Hashes(answer.GetProperty("heads")));
            JsonElement root = LockstepNotation.Describe(ours.View);
            JsonDifference.AssertNone(answer.GetProperty("root"), root, "the document");
            JsonDifference.AssertNone(answer.GetProperty("again").GetProperty("root"), root, "the document read back");

            // A document is kept as it came; and change by change another order may come out.
            byte[] saved = answer.GetProperty("saved").GetBytesFromBase64();
            if (trial.Document.Length > 0 && trial.Changes.Count > 0) InflatedDocument.AssertSame(saved, ours.Save(), "the save", ["change column 35"]);
            else Assert.Equal(ours.View.ToJson(), Document.Load(saved, FuzzOracles.Self, FuzzOracles.Options).View.ToJson());
            return null;
        }
        catch (Exception exception) when (exception is Xunit.Sdk.XunitException or InvalidOperationException)
        {
            return SaidOtherwise.Any(words => exception.Message.Contains(words, StringComparison.Ordinal)) ? null : exception.Message;
        }
    }

    private static string Describe(Trial trial)
    {
        byte[] saved = trial.Ours.Save();
        string rows = DocumentRows.Describe(DocumentRows.Read(DocumentParts.Parse(saved).OpColumns));
        return rows.Length > 3000 ? rows[..3000] : rows;
    }

    private sealed record Trial(FuzzCase Case, byte[] Document, IReadOnlyList<byte[]> Changes, Document Ours);
}
