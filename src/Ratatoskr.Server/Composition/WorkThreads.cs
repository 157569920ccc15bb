namespace Ratatoskr.Server.Composition;

/// <summary>Threads of the pool.</summary>
internal static class WorkThreads
{
    /// <summary>
    /// So many that short work finds one while everything that takes long runs: documents that the API opens (as many as cores). The pool would begin
    /// with as many threads as cores and make two more a second when none is free; on one core a single export kept all others waiting for as long as it took.
    /// Threads that have nothing to do sleep. Workers' jobs have <see cref="YieldingThreads"/>.
    /// </summary>
    public static void Prepare()
    {
        int cores = Environment.ProcessorCount;
        ThreadPool.GetMinThreads(out int threads, out int completions);
        ThreadPool.SetMinThreads(Math.Max(threads, 2 * cores), completions);
    }
}
