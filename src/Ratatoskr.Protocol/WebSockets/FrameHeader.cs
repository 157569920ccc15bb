namespace Ratatoskr.Protocol.WebSockets;

/// <summary>The head of one masked client frame, already checked against RFC 6455 §5.</summary>
/// <param name="Fin">Last frame of its message.</param>
/// <param name="Opcode">What the frame carries; never a reserved number.</param>
/// <param name="Length">Payload bytes that follow; not negative.</param>
/// <param name="MaskKey">The four key bytes as they lie in memory, the way <see cref="Masking"/> takes them.</param>
public readonly record struct FrameHeader(bool Fin, Opcode Opcode, long Length, uint MaskKey)
{
    public bool IsControl => Opcode >= Opcode.Close;
}
