using System.Text;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>A message of the server, read for asserting.</summary>
internal sealed class ServerMessage
{
    private readonly RepoMessage _message;

    public ServerMessage(byte[] bytes)
    {
        Bytes = bytes;
        ReadOutcome outcome = MessageReader.Read(bytes, out _message, out string? why);
        if (outcome != ReadOutcome.Message) throw new InvalidDataException($"the server sent what is no message: {why}");
        if (Kind != MessageKind.Sync) return;
        SyncMessageReader sync = Sync;
        Heads = sync.Heads.ToArray();
        Need = sync.Need.ToArray();
        Flags = sync.Flags;
        Version = sync.Version;
        Changes = [];
        foreach (ReadOnlySpan<byte> entry in sync.Changes) Changes.Add(entry.ToArray());
    }

    public byte[] Bytes { get; }

    public MessageKind Kind => _message.Kind;

    public string Document => Text(_message.DocumentId);

    public string SenderId => Text(_message.SenderId);

    public string TargetId => Text(_message.TargetId);

    public string ErrorCode => Text(_message.ErrorCode);

    public string ErrorText => Text(_message.ErrorText);

    public string Quota => (string?)Field("quota") ?? "";

    public long Current => (long?)Field("current") ?? -1;

    public long Limit => (long?)Field("limit") ?? -1;

    public long RetryAfter => (long?)Field("retryAfter") ?? -1;

    public string UserId => Text(_message.UserId);

    public string StorageId => Text(_message.StorageId);

    public string SessionId => Text(_message.SessionId);

    public ulong Count => _message.Count;

    public byte[] Data => _message.Data.In(Bytes).ToArray();

    public ChangeHash[] Heads { get; } = [];

    public ChangeHash[] Need { get; } = [];

    public SyncFlags Flags { get; }

    public SyncVersion Version { get; }

    /// <summary>The entries of its changes list.</summary>
    public List<byte[]> Changes { get; } = [];

    public int ChangeBytes => Changes.Sum(c => c.Length);

    public List<(string StorageId, string[] Heads, double Timestamp)> NewHeads
    {
        get
        {
            List<(string, string[], double)> all = [];
            foreach (Protocol.Messages.RemoteHeads entry in MessageReader.RemoteHeads(Bytes, _message.NewHeads))
            {
                List<string> heads = [];
                foreach (Protocol.Slice head in MessageReader.StorageIds(Bytes, entry.Heads)) heads.Add(Text(head));
                all.Add((Text(entry.StorageId), [.. heads], entry.Timestamp));
            }

            return all;
        }
    }

    public SyncMessageReader Sync
    {
        get
        {
            if (!SyncMessageReader.TryRead(_message.Data.In(Bytes), out SyncMessageReader reader, out string? error)) throw new InvalidDataException(error);
            return reader;
        }
    }

    public override string ToString() => Kind switch
    {
        MessageKind.Sync => $"sync {Document[..4]} {Version} heads [{string.Join(' ', Heads.Select(Short))}] need [{string.Join(' ', Need.Select(Short))}] {Changes.Count} entries of {ChangeBytes} bytes, {Flags}",
        MessageKind.Error => $"error {ErrorCode}: {ErrorText}",
        _ => $"{Kind} {Document}",
    };

    private object? Field(string name)
    {
        System.Formats.Cbor.CborReader reader = new(Bytes);
        for (int? left = reader.ReadStartMap(); left > 0; left--)
        {
            if (reader.ReadTextString() != name) reader.SkipValue();
            else return reader.PeekState() == System.Formats.Cbor.CborReaderState.TextString ? reader.ReadTextString() : reader.ReadInt64();
        }

        return null;
    }

    private static string Short(ChangeHash hash) => hash.ToString()[..6];

    private string Text(Protocol.Slice slice) => Encoding.UTF8.GetString(slice.In(Bytes));
}
