using System.Text.Json;
using Automerge.Changes;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>What was done with several replicas of a document, and what 3.5.0 said to each step (the words are those of node/replicas.mjs).</summary>
/// <param name="Seed">What made it; 0 when it was given step by step.</param>
/// <param name="Steps">Lists: the step's name, the replica's number, arguments.</param>
/// <param name="Results">One for each step; <c>{"error": …}</c> when 3.5.0 refused it.</param>
/// <param name="Disorder">How 3.5.0 itself failed at the last step, which then has no result; null when it did not.</param>
internal sealed record LockstepHistory(int Seed, JsonElement[] Steps, JsonElement[] Results, string? Disorder)
{
    public static LockstepHistory Parse(JsonElement json) => new(
        json.GetProperty("seed").GetInt32(),
        [.. json.GetProperty("steps").EnumerateArray()],
        [.. json.GetProperty("results").EnumerateArray()],
        json.TryGetProperty("disorder", out JsonElement disorder) ? disorder.GetString() : null);

    /// <summary>Results of the steps of a name, with the steps.</summary>
    public IEnumerable<(JsonElement Step, JsonElement Result)> Of(string name) =>
        Steps.Zip(Results).Where(taken => taken.First[0].GetString() == name && !IsRefused(taken.Second));

    /// <summary>The heads that a step's argument names; null when it names none.</summary>
    public ChangeHash[]? HeadsOf(JsonElement name)
    {
        if (name.ValueKind == JsonValueKind.Null) return null;
        string heads = name.GetString()!;
        return heads == "h0" ? [] : Hashes(Of("note").Last(note => note.Step[2].GetString() == heads).Result);
    }

    /// <summary>The object that a step's argument names: by the name it was given when it was made, or by its id.</summary>
    public ObjectId ObjectOf(JsonElement name)
    {
        string text = name.GetString()!;
        foreach ((JsonElement step, JsonElement result) in Of("putObject").Concat(Of("insertObject")))
        {
            if (step[5].GetString() == text) text = result[1].GetString()!;
        }

        Assert.True(ObjectId.TryParse(text, out ObjectId id), $"no such object: {text}");
        return id;
    }

    public static ChangeHash[] Hashes(JsonElement list) => [.. list.EnumerateArray().Select(hash => ChangeHash.Parse(hash.GetString()))];

    public static bool IsRefused(JsonElement result) => result.ValueKind == JsonValueKind.Object && result.TryGetProperty("error", out _);
}
