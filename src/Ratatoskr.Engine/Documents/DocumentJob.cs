namespace Ratatoskr.Engine.Documents;

/// <summary>Work for one document that would hold up its shard: a worker runs it, then it is the shard's again.</summary>
/// <remarks>Made by the shard. What it may touch meanwhile, each job says.</remarks>
internal abstract class DocumentJob(DocumentActor document)
{
    public DocumentActor Document { get; } = document;

    /// <summary>Peers wait for it.</summary>
    public virtual bool IsUrgent => true;

    /// <summary>A bug of ours, met while working: a worker must not end the process.</summary>
    public Exception? Bug { get; private set; }

    /// <summary>Memory that it may take beyond what it was given, in bytes; asked before it runs, on a worker as well.</summary>
    public long Measure()
    {
        try
        {
            return MeasureBytes();
        }
        catch (Exception)
        {
            return 0;                                // what is wrong shows when it runs
        }
    }

    public void Run()
    {
        try
        {
            Work();
        }
        catch (Exception e)
        {
            Bug = e;
        }
    }

    protected virtual long MeasureBytes() => 0;

    protected abstract void Work();
}
