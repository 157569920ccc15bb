using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;

namespace Automerge.Tests.Documents;

/// <summary>Edits a document at random: a text, a list, a map and the root, with every kind of edit.</summary>
internal sealed class RandomEditor(Random random)
{
    private static readonly string[] Pieces = ["a", "bc", "é", "😀", "a longer piece of text", "\n", "e\u0301", "👨‍👩‍👧", "漢字", "zz"];

    public static ActorId ActorOf(int number) => new(Enumerable.Repeat((byte)number, 16).ToArray());

    /// <summary>A document with a text, a list and a map, from which the others are forked.</summary>
    public static Document Begun()
    {
        Document document = new(ActorOf(1));
        using Transaction transaction = document.Begin();
        ObjectId text = transaction.PutObject(ObjectId.Root, "t", ObjectKind.Text);
        transaction.SpliceText(text, 0, 0, "The beginning 😀 of it all");
        transaction.PutObject(ObjectId.Root, "l", ObjectKind.List);
        transaction.PutObject(ObjectId.Root, "m", ObjectKind.Map);
        transaction.Commit();
        return document;
    }

    public static ObjectId TextOf(DocumentView view) => view.Get(ObjectId.Root, "t")!.Value.AsObject();

    public void Edit(Transaction transaction, int edits)
    {
        DocumentView view = transaction.View;
        ObjectId text = TextOf(view), list = view.Get(ObjectId.Root, "l")!.Value.AsObject(), map = view.Get(ObjectId.Root, "m")!.Value.AsObject();
        for (; edits > 0; edits--)
        {
            int length = view.Length(text, transaction.TextUnit), count = view.Length(list);
            Prop key = "abc"[random.Next(3)].ToString();
            ObjectId where = random.Next(2) == 0 ? map : ObjectId.Root;
            switch (random.Next(14))
            {
                case 0 or 1 or 2:
                    transaction.SpliceText(text, random.Next(length + 1), 0, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 3:
                    int from = random.Next(length + 1);
                    transaction.SpliceText(text, from, random.Next(Math.Min(12, length - from + 1)), random.Next(2) == 0 ? "" : Pieces[random.Next(Pieces.Length)]);
                    break;
                case 4:
                    transaction.Put(where, key, Scalar());
                    break;
                case 5:
                    transaction.Delete(where, key);
                    break;
                case 6:
                    transaction.PutObject(where, key, (ObjectKind)random.Next(3));
                    break;
                case 7:
                    transaction.Insert(list, random.Next(count + 1), Scalar());
                    break;
                case 8 when count > 0:
                    transaction.Put(list, random.Next(count), Scalar());
                    break;
                case 9 when count > 0:
                    int first = random.Next(count);
                    transaction.Splice(list, first, random.Next(count - first + 1), Scalar(), Scalar());
                    break;
                case 10 when view.GetAll(where, key).Any(value => value.Value.Kind == ValueKind.Counter):
                    transaction.Increment(where, key, random.Next(-5, 5));
                    break;
                case 11:
                    int start = random.Next(length + 1);
                    transaction.Mark(text, new Mark(start, random.Next(start, length + 1), random.Next(2) == 0 ? "b" : "i", random.Next(3) == 0 ? Value.Null : 1), (MarkExpand)random.Next(4));
                    break;
                case 12:
                    transaction.SplitBlock(text, random.Next(length + 1));
                    break;
                case 13 when length > 0:
                    transaction.Put(text, random.Next(length), Pieces[random.Next(Pieces.Length)]);
                    break;
                default:
                    break;
            }
        }
    }

    private Value Scalar() => random.Next(7) switch
    {
        0 => Value.Null,
        1 => random.Next(2) == 0,
        2 => random.Next(-3, 3),
        3 => random.Next(3) / 2.0,
        4 => Pieces[random.Next(Pieces.Length)],
        5 => Value.Bytes([1, 2, (byte)random.Next(3)]),
        _ => Value.Counter(random.Next(10)),
    };
}
