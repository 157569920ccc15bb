using Automerge.Changes;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Simulation.Tests.Servers;

internal enum StoreCallKind : byte
{
    Append,
    Compact,
    Delete,
}

/// <summary>A call to the store that changes something.</summary>
/// <param name="changes">What it writes.</param>
/// <param name="write">Writes it; false: it found something else than it wanted to replace.</param>
internal sealed class StoreCall(DocumentId id, StoreCallKind kind, IReadOnlyList<ChangeHash> changes, Func<StoredFile, bool> write)
{
    private readonly TaskCompletionSource<StoreVerdict> _verdict = new();
    private StoredFile? _file;
    private Action<StoreCall>? _writing;
    private Action<StoreCall>? _written;

    public DocumentId Id => id;

    public StoreCallKind Kind => kind;

    public IReadOnlyList<ChangeHash> Changes => changes;

    public StoredFile File => _file!;

    /// <summary>It has reached the disk.</summary>
    public bool IsWritten { get; private set; }

    /// <summary>And it found what it wanted to replace.</summary>
    public bool HasChanged { get; private set; }

    public bool CanBeFenced => kind == StoreCallKind.Append && !IsWritten;

    public Task<StoreVerdict> Verdict => _verdict.Task;

    public void Begin(StoredFile file, Action<StoreCall>? writing, Action<StoreCall>? written)
    {
        _file = file;
        _writing = writing;
        _written = written;
    }

    public void Write()
    {
        if (IsWritten) return;
        IsWritten = true;
        _writing?.Invoke(this);
        HasChanged = write(_file!);
        _written?.Invoke(this);
    }

    public void Answer(StoreVerdict verdict) => _verdict.SetResult(verdict);

    public override string ToString() => $"{kind} of {changes.Count} changes, {id.ToString()[..4]}";
}
