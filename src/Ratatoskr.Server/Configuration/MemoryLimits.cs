using Ratatoskr.Engine.Limits;
using Ratatoskr.Transport;

namespace Ratatoskr.Server.Configuration;

/// <summary>What of <c>MEMORY_BUDGET_MB</c> goes where: every bound in bytes that grows with nothing but traffic is a share of it (docs/limits.md).</summary>
internal static class MemoryLimits
{
    // What others take too; a whole document is one message.
    private const int MessageMbUsual = 100;
    private const long QueueBytesUsual = 64L << 20;
    private const long QueueBytesMin = 4L << 20;

    /// <summary>A message's buffer may be twice its size and is copied once: three of them, the least that must fit into what all arriving messages may take.</summary>
    public static int MessageMbMax(int budgetMb) => (int)(InboundBytes(budgetMb) / 3 >> 20);

    public static TransportOptions Of(ServerOptions options, TransportOptions transport) => transport with
    {
        MessageBytesMax = MessageBytes(options),
        InboundBytesMax = InboundBytes(options.MemoryBudgetMb),
        OutboundBytesMax = Math.Min(transport.OutboundBytesMax, Budget(options) / 2),
        OutboundHardLimitBytes = Math.Min(QueueBytesUsual, Budget(options) / 4),
    };

    public static EngineLimits Of(ServerOptions options, EngineLimits limits) => limits with
    {
        MemoryBudgetBytes = Budget(options),
        MessageBytesMax = MessageBytes(options),
        MailboxBytesMax = Math.Clamp(Budget(options) / 4 / options.ShardCount, QueueBytesMin, QueueBytesUsual),
        DocumentWaitingBytesMax = Math.Min(limits.DocumentWaitingBytesMax, Budget(options) / 2),
    };

    private static long Budget(ServerOptions options) => (long)options.MemoryBudgetMb << 20;

    // Five eighths: 320 MiB of the usual 512.
    private static long InboundBytes(int budgetMb) => ((long)budgetMb << 20) * 5 / 8;

    private static int MessageBytes(ServerOptions options) => (options.MaxMessageMb ?? Math.Min(MessageMbUsual, MessageMbMax(options.MemoryBudgetMb))) << 20;
}
