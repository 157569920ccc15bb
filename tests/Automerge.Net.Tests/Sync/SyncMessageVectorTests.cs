using Automerge.Sync;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Sync;

public class SyncMessageVectorTests
{
    [Fact]
    public void TryRead_of_the_recorded_slow_message_gives_its_parts()
    {
        byte[] bytes = VectorFiles.ReadThirdParty("bench/slowSyncMessage.amrgsync");
        Assert.True(SyncMessageReader.TryRead(bytes, out SyncMessageReader message, out string? error), error);
        Assert.False(message.Heads.IsEmpty);
        int entries = 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes) entries += entry.IsEmpty ? 0 : 1;
        Assert.Equal(message.ChangeCount, entries);
    }
}
