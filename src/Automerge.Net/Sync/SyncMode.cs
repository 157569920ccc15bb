using System.Buffers;

namespace Automerge.Sync;

/// <summary>Whose choices a <see cref="SyncSession"/> makes where the protocol leaves some.</summary>
public enum SyncMode : byte
{
    /// <summary>
    /// Those of a server with many peers and long histories: no Bloom filter when the peer will be where we are, nothing sent twice,
    /// no answer to a message that asks for nothing. Understood by every automerge-repo client.
    /// </summary>
    Server,

    /// <summary>Those of Automerge 3.5.0, byte for byte.</summary>
    Compatible,
}

/// <summary>Where the bytes of changes are. Called while a message is written.</summary>
public interface IChangeSource
{
    /// <summary>Bytes of a row's change chunk.</summary>
    int ChangeLength(int row);

    /// <summary>Writes a row's change chunk: exactly <see cref="ChangeLength"/> bytes.</summary>
    void WriteChange(int row, IBufferWriter<byte> output);

    /// <summary>Bytes of the whole document: a document chunk, and after it any changes since.</summary>
    long DocumentLength { get; }

    /// <summary>Writes the whole document: exactly <see cref="DocumentLength"/> bytes.</summary>
    void WriteDocument(IBufferWriter<byte> output);
}
