namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Every attack, by the name the table in <c>docs/reliability.md</c> has for it.</summary>
internal static class HostileLoad
{
    /// <summary>The sizes instead of those that a test run can afford.</summary>
    public static bool Full { get; } = Environment.GetEnvironmentVariable("RATATOSKR_HOSTILE_FULL") == "1";

    public static Attack[] All { get; } =
    [
        new("100,000 pings", Victim.Open, "ratatoskr_close_frames_sent_total{code=\"policy_violation\"}", Floods.Pings),
        new("10,000 unknown documents", Victim.Open, "ratatoskr_messages_sent_total{type=\"unavailable\"}", Floods.UnknownDocuments),
        new("a million orphan changes", Victim.Open, "ratatoskr_changes_refused_total{reason=\"queue_full\"}", Floods.Orphans),
        new("50,000 heads", Victim.Open, "ratatoskr_messages_sent_total{type=\"error\"}", Floods.Heads),
        new("resets in a loop", Victim.Open, "ratatoskr_documents_deferred_total", Floods.Resets),
        new("1 GiB declared", Victim.Open, "ratatoskr_close_frames_sent_total{code=\"message_too_big\"}", Bombs.Gigabyte),
        new("columns of 2^40 rows", Victim.Open, "ratatoskr_changes_refused_total", Bombs.Columns),
        new("deflate bombs", Victim.Open, "ratatoskr_changes_refused_total", Bombs.Deflates),
        new("compressed frames", Victim.Open, "ratatoskr_close_frames_sent_total{code=\"protocol_error\"}", Bombs.CompressedFrames),
        new("never read", Victim.Open, "ratatoskr_connections_ended_total{reason=", SilentPeers.NeverRead),
        new("never pong", Victim.Open, "ratatoskr_connections_ended_total{reason=\"silent\"}", SilentPeers.NeverPong),
        new("never finish a frame", Victim.Open, "ratatoskr_inbound_refused_total", SilentPeers.NeverFinishFrame),
        new("never finish an upgrade", Victim.Open, "ratatoskr_connections_refused_total{reason=\"timed_out\"}", SilentPeers.NeverFinishUpgrade),
        new("20,000 half-open connections", Victim.Open, "ratatoskr_connections_refused_total{reason=\"busy\"}", SilentPeers.HalfOpen),
        new("whole document per edit", Victim.Open, "ratatoskr_changes_taken_total", LargeDocuments.WholeDocumentPerEdit),
        new("undecodable frames from one address", Victim.Accounts, "ratatoskr_rate_limits_exceeded_total{limit=\"undecodable_frames\"}", RestAttacks.UndecodableFrames),
        new("pending logins from one address", Victim.Provider, "ratatoskr_rate_limits_exceeded_total{limit=\"pending_logins\"}", RestAttacks.PendingLogins),
        new("slowloris", Victim.Accounts, null, SilentPeers.Slowloris),
        new("HTTP/2 slow readers", Victim.Tls, "ratatoskr_responses_refused_total", RestAttacks.Http2SlowReaders),
    ];
}
