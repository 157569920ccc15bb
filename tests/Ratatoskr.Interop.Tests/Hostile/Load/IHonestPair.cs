namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Two peers that mean well: one writes a small edit every few milliseconds, the other reads, and each notes when.</summary>
internal interface IHonestPair : IDisposable
{
    /// <summary>Edits sent so far.</summary>
    int Sent { get; }

    /// <summary>Waits until the reader has the edits up to a number.</summary>
    void UntilReceived(int number);

    /// <summary>Writes no more, and waits until the reader has every edit and the writer's are all acknowledged.</summary>
    void StopAndConverge();

    /// <summary>Milliseconds from sending an edit to having it, worst 1 %, of the edits from one number to another.</summary>
    double P99(int from, int to);
}

/// <summary>Where an honest pair meets, and as whom.</summary>
/// <param name="Gap">Between two edits.</param>
/// <param name="Token">Null where nobody is asked.</param>
/// <param name="DocumentId">Theirs.</param>
internal sealed record Meeting(int Port, bool UsesTls, TimeSpan Gap, string? Token, string DocumentId);
