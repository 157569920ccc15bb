using Automerge.Changes;
using Automerge.Documents;
using Automerge.Sync;
using Automerge.Values;

namespace Automerge.Comparison;

/// <summary>The work that is compared, done by this engine; node/works.mjs has the same names.</summary>
internal static class Works
{
    private const int OneByOne = 20_000;

    private static readonly ActorId Actor = new(Enumerable.Repeat((byte)0xAA, 16).ToArray());

    public static double[] Do(string work, string name, int times) => work switch
    {
        "load" => Load(name, times),
        "peak" => [Resident(name).Peak],
        "resident" => [Resident(name).Resident],
        "build-at-once" => BuildAtOnce(name, times),
        "build-one-by-one" => BuildOneByOne(name, times),
        "remote-edit" => RemoteEdits(Inputs.Document(name), Inputs.Prepared($"{name}.edits"), times),
        "synced-edit" => SyncedEdits(Inputs.Document(name), Inputs.Prepared($"{name}.edits"), times),
        "local-edit" or "local-edit-js" => LocalEdits(Inputs.Document(name), times),
        "save" => Save(name, times),
        "compact" => Compact(name, times),
        "compact-known" => CompactKnown(name, times),
        "text-cold" => TextCold(name, times),
        "replay-each" => Replay(commitEach: true),
        "replay-one" => Replay(commitEach: false),
        "grown-local" => LocalEdits(Inputs.Prepared($"{name}.am"), times),
        "grown-remote" => RemoteEdits(Inputs.Prepared($"{name}.am"), Inputs.Prepared($"{name}.edits"), times),
        "grown-synced" => SyncedEdits(Inputs.Prepared($"{name}.am"), Inputs.Prepared($"{name}.edits"), times),
        _ => throw new ArgumentException($"no work '{work}'", nameof(work)),
    };

    private static double[] Load(string name, int times)
    {
        byte[] data = Inputs.Document(name);
        return Samples.Warm(times, () => Document.Load(data, Actor));
    }

    private static (double Peak, double Resident) Resident(string name)
    {
        byte[] data = Inputs.Document(name);
        byte[] empty = new Document(Actor).Save();
        Document.Load(empty, Actor);        // the engine itself is there
        return Samples.Memory(() => Document.Load(data, Actor));
    }

    private static double[] BuildAtOnce(string name, int times)
    {
        byte[] changes = Inputs.Prepared($"{name}.changes");
        return Samples.Warm(times, () => new Document(Actor).ApplyChanges(changes));
    }

    private static double[] BuildOneByOne(string name, int times)
    {
        List<ReadOnlyMemory<byte>> changes = Inputs.Chunks(Inputs.Prepared($"{name}.changes"));
        return Samples.Warm(times, () =>
        {
            Document document = new(Actor);
            for (int i = 0; i < OneByOne; i++) document.ApplyChanges(changes[i].Span);
        });
    }

    private static double[] RemoteEdits(byte[] data, byte[] edits, int times)
    {
        Document document = Document.Load(data, Actor);
        List<ReadOnlyMemory<byte>> changes = Inputs.Chunks(edits);
        return Samples.Timed(times, i => document.ApplyChanges(changes[i].Span));
    }

    // What a server does for an edit: takes the message in, and makes the answer. Both have had the document before.
    private static double[] SyncedEdits(byte[] data, byte[] edits, int times)
    {
        Document server = Document.Load(data, Actor), peer = Document.Load(data, Actor);
        SyncState ofPeer = new(), ofServer = new();
        List<ReadOnlyMemory<byte>> changes = Inputs.Chunks(edits);
        while (peer.GenerateSyncMessage(ofServer) is { } said)
        {
            server.ReceiveSyncMessage(ofPeer, said);
            if (server.GenerateSyncMessage(ofPeer) is { } answer) peer.ReceiveSyncMessage(ofServer, answer);
        }

        double[] samples = new double[times];
        for (int i = 0; i < times; i++)
        {
            peer.ApplyChanges(changes[i].Span);
            byte[] said = peer.GenerateSyncMessage(ofServer)!;
            byte[]? answer = null;
            samples[i] = Samples.Timed(1, _ =>
            {
                server.ReceiveSyncMessage(ofPeer, said);
                answer = server.GenerateSyncMessage(ofPeer);
            })[0];
            if (!server.Heads.SequenceEqual(peer.Heads)) throw new InvalidOperationException("the server does not have the edit");
            peer.ReceiveSyncMessage(ofServer, answer);
        }

        return samples;
    }

    private static double[] LocalEdits(byte[] data, int times)
    {
        Document document = Document.Load(data, Actor);
        ObjectId text = TextOf(document.View);
        return Samples.Timed(times, i =>
        {
            Transaction transaction = document.Begin(new CommitOptions(i));
            transaction.SpliceText(text, i * 7919 * 13 % document.View.Length(text), 0, "x");
            transaction.Commit();
        });
    }

    private static double[] Save(string name, int times)
    {
        Document document = Document.Load(Inputs.Document(name), Actor);
        ObjectId text = TextOf(document.View);
        Samples.WarmUp(() => EditAndSave());
        return [.. Enumerable.Range(0, times).Select(_ => EditAndSave())];

        // After an edit, or there would be nothing to do: what was loaded is what would be saved.
        double EditAndSave()
        {
            using (Transaction transaction = document.Begin())
            {
                transaction.SpliceText(text, 0, 0, "x");
                transaction.Commit();
            }

            return Samples.Timed(1, _ => document.Save())[0];
        }
    }

    // With the result read back and every hash compared, as it is done before an older snapshot is let go.
    private static double[] Compact(string name, int times)
    {
        byte[] data = Inputs.Document(name), changes = Inputs.Prepared($"{name}.edits");
        return Samples.Warm(times, () => DocumentCompactor.Compact(data, changes, DocumentLimits.Default));
    }

    // As the server does it, which has the changes of the document in memory.
    private static double[] CompactKnown(string name, int times)
    {
        byte[] data = Inputs.Document(name), changes = Inputs.Prepared($"{name}.edits");
        DocumentCompactor.Compact(data, null, [], DocumentLimits.Default, out ChangeGraph graph);
        GraphPrefix known = graph.FirstRows(graph.Count);
        return Samples.Warm(times, () => DocumentCompactor.Compact(data, known, changes, DocumentLimits.Default, out _));
    }

    private static double[] TextCold(string name, int times)
    {
        byte[] data = Inputs.Document(name);
        return Samples.Warm(times, () =>
        {
            DocumentView view = Document.Load(data, Actor).View;
            view.Text(TextOf(view));
        });
    }

    private static double[] Replay(bool commitEach)
    {
        List<(int At, int Removed, string Inserted)> edits = Inputs.Edits();
        return Samples.Timed(1, _ =>
        {
            Document document = new(Actor);
            Transaction transaction = document.Begin();
            ObjectId text = transaction.PutObject(ObjectId.Root, "text", ObjectKind.Text);
            transaction.Commit();
            transaction = document.Begin();
            foreach ((int at, int removed, string inserted) in edits)
            {
                transaction.SpliceText(text, at, removed, inserted);
                if (!commitEach) continue;
                transaction.Commit();
                transaction = document.Begin();
            }

            transaction.Commit();
        });
    }

    private static ObjectId TextOf(DocumentView view) => view.Get(ObjectId.Root, "text")!.Value.AsObject();
}
