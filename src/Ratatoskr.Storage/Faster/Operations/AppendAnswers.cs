namespace Ratatoskr.Storage.Faster.Operations;

/// <summary>
/// The answers to the appends of one commit, given one after the other on one thread: with a turn for each, a thread would be woken for the first, take the processor from the
/// writer, find nothing more and sleep again, before the second.
/// </summary>
/// <remarks>The writer's while it is filled, then theirs who answer.</remarks>
internal sealed class AppendAnswers : IThreadPoolWorkItem
{
    private readonly List<AppendOperation> _appends = [];

    public int Count => _appends.Count;

    public void Add(AppendOperation append) => _appends.Add(append);

    public void Execute()
    {
        foreach (AppendOperation append in _appends) append.CompleteHere();
    }
}
