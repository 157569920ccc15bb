using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Documents;
using Automerge.Tests.Operations;
using Automerge.Tests.Patches;
using Automerge.Values;

namespace Automerge.Tests.Fuzzing;

/// <summary>What must hold of whatever was taken in, and what shows that nothing was.</summary>
internal static class FuzzOracles
{
    /// <summary>A document of a few kilobytes may become so much: small, so that what is not bounded shows.</summary>
    public static readonly DocumentLimits Limits = new() { MaxRows = 1 << 14, MaxColumnBytes = 1 << 20, MaxInflatedBytes = 2 << 20, MaxRebuiltBytes = 4 << 20 };

    public static readonly DocumentOptions Options = new() { DocumentLimits = Limits, HashKey = 7, QueuedChangesMax = 100 };

    public static readonly ActorId Self = new([0x5e, 0x1f]);

    // Rows at 150 bytes in tables and op set; buffers that were enlarged twice; the changes made again; what a first call puts up.
    public const long DeclaredBytes = (150L << 14) + (3 * (2L << 20)) + (4L << 20) + (1L << 20);

    /// <summary>What can be seen of a document.</summary>
    public sealed record Face(string Json, string Heads, byte[] Saved)
    {
        public static Face Of(Document document) => new(document.View.ToJson(), string.Join(',', document.Heads), document.Save());

        public void AssertSame(Face other, string what)
        {
            Assert.True(Heads == other.Heads, $"{what}: heads {other.Heads} instead of {Heads}");
            Assert.True(Json == other.Json, $"{what}: {other.Json} instead of {Json}");
            Assert.True(Saved.AsSpan().SequenceEqual(other.Saved), $"{what}: another save");
        }
    }

    /// <summary>A document that took something in can be saved, read back as the same, and looked at in every way.</summary>
    public static void CheckSound(Document document)
    {
        OpSetInvariants.Check(document.Ops);
        byte[] saved = document.Save();
        Document again = Document.Load(saved, Self, Options);
        Assert.Equal(document.Heads, again.Heads);
        Assert.Equal(document.View.ToJson(), again.View.ToJson());
        InflatedDocument.AssertSame(saved.AsSpan(0, DocumentLength(saved)), again.Save().AsSpan(0, DocumentLength(saved)), "saved, loaded and saved");
        Look(document.View);
        Look(again.View);
    }

    /// <summary>Every change that a document holds would be taken in by itself, by a document that has what it depends on.</summary>
    public static void CheckChanges(Document document)
    {
        Document built = new(Self, Options);
        foreach (ReadOnlyMemory<byte> change in document.Changes())
        {
            AppliedChanges applied = built.ApplyChanges(change.Span);
            Assert.Equal(1, applied.Added);
        }

        Assert.Equal(document.View.ToJson(), built.View.ToJson());
    }

    /// <summary>Walks through everything that a view shows.</summary>
    public static void Look(DocumentView view)
    {
        view.ToJson(new JsonStyle());
        LookAt(view, ObjectId.Root, 0);
    }

    private static void LookAt(DocumentView view, ObjectId obj, int depth)
    {
        if (depth > 20) return;
        switch (view.KindOf(obj))
        {
            case ObjectKind.Text:
                string text = view.Text(obj);
                Assert.Equal(text.Length, view.Length(obj, TextUnit.Utf16));
                view.Marks(obj);
                view.Spans(obj);
                for (int i = 0; i < Math.Min(view.Length(obj), 3); i++) LookIn(view, view.GetAll(obj, i), depth);
                break;
            case ObjectKind.List:
                for (int i = 0, length = view.Length(obj); i < length; i++) LookIn(view, view.GetAll(obj, i), depth);
                break;
            case ObjectKind.Map:
                foreach (string key in view.Keys(obj)) LookIn(view, view.GetAll(obj, key), depth);
                break;
            default:
                break;
        }
    }

    private static void LookIn(DocumentView view, IReadOnlyList<Conflict> all, int depth)
    {
        Assert.NotEmpty(all);
        foreach (Conflict one in all)
        {
            if (one.Value.Kind == ValueKind.Object) LookAt(view, one.Value.AsObject(), depth + 1);
        }
    }

    /// <summary>The steps that were collected, done to what was shown before, give what is shown now; so do those between the heads, there and back.</summary>
    public static void CheckPatches(Document document, PlainDocument before, ReadOnlySpan<ChangeHash> headsBefore)
    {
        string then = before.ToString(), now = PlainDocument.Of(document.View, TextUnit.Utf16).ToString();
        Assert.Equal(then, PlainDocument.Of(document.ViewAt(headsBefore), TextUnit.Utf16).ToString());
        before.Apply(document.TakePatches());
        Assert.Equal(now, before.ToString());
        before.Apply(document.Diff([.. document.Heads], headsBefore));
        Assert.Equal(then, before.ToString());
        before.Apply(document.Diff(headsBefore, [.. document.Heads]));
        Assert.Equal(now, before.ToString());
    }

    public static int DocumentLength(byte[] saved) => ChunkReader.TryRead(saved, out Chunk chunk, out _) ? chunk.Length : 0;
}
