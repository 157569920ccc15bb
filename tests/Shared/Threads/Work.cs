namespace SharedTests.Threads;

/// <summary>Something to be run.</summary>
internal sealed class Work(Action act) : IThreadPoolWorkItem
{
    public void Execute() => act();
}
