using System.Security.Cryptography;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Attacks by size.</summary>
internal static class LargeDocuments
{
    /// <summary>A document of so much that does not compress, and so many characters of text.</summary>
    public static Document Make(int noiseBytes, int characters)
    {
        const int Piece = 64 << 10;
        Document document = new(ActorId.Parse(Guid.NewGuid().ToString("N")));
        using Transaction edit = document.Begin();
        ObjectId noise = edit.PutObject(ObjectId.Root, "noise", ObjectKind.List);
        for (int i = 0; i * Piece < noiseBytes; i++) edit.Insert(noise, i, Value.Bytes(RandomNumberGenerator.GetBytes(Math.Min(Piece, noiseBytes - (i * Piece)))));
        ObjectId text = edit.PutObject(ObjectId.Root, "text", ObjectKind.Text);
        for (int i = 0; i < characters; i += 1000) edit.SpliceText(text, i, 0, Convert.ToHexString(RandomNumberGenerator.GetBytes(500)));
        edit.Commit();
        return document;
    }

    /// <summary>What old clients do: each edit is sent as the whole document, 10 MB of it.</summary>
    public static string WholeDocumentPerEdit(Target target)
    {
        int edits = target.Size(20, 5);
        Document document = Make(target.Size(9_500_000, 1_500_000), target.Size(300_000, 50_000));
        using Wire wire = Wire.Join(target.Server);
        string id = DocumentIds.New(), last = "";
        List<byte[]> messages = [];
        for (int i = 0; i < edits; i++)
        {
            using (Transaction edit = document.Begin())
            {
                edit.Put(ObjectId.Root, "edit", i);
                last = edit.Commit()!.Value.ToString();
            }

            messages.Add(wire.Sync(id, new SyncMessage { Heads = [last], LastSync = [], Changes = [document.Save()] }));
        }

        Task sending = Task.Factory.StartNew(() => messages.ForEach(message => wire.Send(message)), TaskCreationOptions.LongRunning);
        int answers = 0;
        while (wire.NextMessage() is { } message)
        {
            answers++;
            Frame frame = Frame.Parse(message);
            Assert.True(frame.Type == "sync", $"{frame.Type} {frame.Error} {frame.Message}");
            if (frame.Sync.Heads.Contains(last)) return $"{edits} × {messages[0].Length >> 20} MiB taken, {answers} answers";
        }

        throw new ConnectionClosedException(wire.UntilClosed().ToString());
    }
}
