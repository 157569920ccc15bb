namespace Ratatoskr.Protocol.Messages;

/// <summary>What became of the bytes of a message.</summary>
public enum ReadOutcome : byte
{
    /// <summary>A message, perhaps of a kind we do not know.</summary>
    Message,

    /// <summary>Sound CBOR, but not a message we can take: dropped and counted, the connection carries on.</summary>
    Refused,

    /// <summary>Not CBOR (or nested beyond reason): nothing that follows can be trusted. Stock servers close the connection.</summary>
    Undecodable,
}
