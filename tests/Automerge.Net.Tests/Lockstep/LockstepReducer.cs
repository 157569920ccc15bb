namespace Automerge.Tests.Lockstep;

/// <summary>Takes steps out of a history for as long as a difference stays: what is left shows what it is about.</summary>
internal static class LockstepReducer
{
    /// <param name="node">Carries out what is left, each time.</param>
    /// <param name="history">One with a difference.</param>
    /// <param name="difference">null: there is none.</param>
    public static LockstepHistory Reduce(LockstepNode node, LockstepHistory history, Func<LockstepHistory, string?> difference)
    {
        string kind = KindOf(difference(history)!);
        for (int size = history.Steps.Length / 2; size > 0; size = size == 1 ? 0 : size / 2)
        {
            for (int at = 0; at < history.Steps.Length;)
            {
                LockstepHistory tried = node.Run([.. history.Steps[..at], .. history.Steps[Math.Min(history.Steps.Length, at + size)..]]);
                if (difference(tried) is { } still && KindOf(still) == kind) history = tried;
                else at += size;
            }
        }

        return history;
    }

    public static string Describe(LockstepHistory history) =>
        string.Join('\n', history.Steps.Select((step, i) => $"  {step.GetRawText()}  ->  {Shortened(i < history.Results.Length ? history.Results[i].GetRawText() : history.Disorder!)}"));

    // Another difference than the one looked for would lead astray; numbers and ids in its text are bound to differ.
    private static string KindOf(string difference) =>
        string.Concat(difference.Split('\n')[0].Where(letter => !char.IsAsciiHexDigit(letter)).Take(80));

    private static string Shortened(string result) => result.Length <= 200 ? result : $"{result[..200]}… ({result.Length})";
}
