using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>
/// Edits of a <see cref="Document"/> that become one change when they are committed, and nothing otherwise. Each acts at once, and is seen by those after it. An edit
/// that the document says already makes no operation, and a change without operations is not made.
/// </summary>
/// <remarks>
/// For the document's owner, on its thread. Disposed before it is committed, it takes its edits back. An edit that throws has changed nothing. Strings are stored as
/// UTF-8; surrogates without partner become U+FFFD.
/// </remarks>
public sealed partial class Transaction : IDisposable
{
    // Bytes of a scalar or of a short text that are encoded on the stack.
    private const int StackBytes = 256;

    private readonly Document _document;
    private readonly PendingOps _pending;

    // The object edited last, since most edits go where the one before went.
    private ObjectId _lastId;
    private OpObject? _last;

    internal Transaction(Document document, ActorId actor, uint seq, ChangeHash[] deps, CommitOptions options)
    {
        _document = document;
        _pending = document.Pending;
        Actor = actor;
        Seq = seq;
        Deps = deps;
        Time = options.Time;
        Message = options.Message;
        TextUnit = document.Options.TextUnit;
    }

    /// <summary>Who makes the change: the document's actor, or one derived from it.</summary>
    public ActorId Actor { get; }

    /// <summary>When the change is made, in seconds since 1970 by convention.</summary>
    public long Time { get; set; }

    /// <summary>Why it is made; null or empty for none.</summary>
    public string? Message { get; set; }

    /// <summary>What indexes into texts count.</summary>
    public TextUnit TextUnit { get; set; }

    /// <summary>Whether it has been neither committed nor taken back.</summary>
    public bool IsOpen => _document.OpenTransaction == this;

    /// <summary>Operations so far.</summary>
    public int OperationCount => IsOpen ? _pending.Count : 0;

    /// <summary>Reads the document as the transaction sees it, its own edits included.</summary>
    /// <exception cref="DocumentException">The transaction has ended.</exception>
    public DocumentView View
    {
        get
        {
            DemandOpen();
            return field ??= _pending.Past.IsEverything ? _document.View : new DocumentView(_document.Ops, _pending.Past);
        }
    }

    internal uint Seq { get; }

    internal ChangeHash[] Deps { get; }

    private bool Utf16 => TextUnit == TextUnit.Utf16;

    /// <summary>Makes the change.</summary>
    /// <returns>Its hash; null when there was nothing to change.</returns>
    /// <exception cref="DocumentException">The transaction has ended, or the document cannot take another change; then it has been taken back.</exception>
    public ChangeHash? Commit()
    {
        DemandOpen();
        if (_pending.Count > 0) return _document.Commit(this);
        _document.Rollback();
        return null;
    }

    /// <summary>Takes all edits back.</summary>
    /// <exception cref="DocumentException">The transaction has ended.</exception>
    public void Rollback()
    {
        DemandOpen();
        _document.Rollback();
    }

    /// <summary>Takes all edits back unless they were committed.</summary>
    public void Dispose()
    {
        if (IsOpen) _document.Rollback();
    }

    /// <summary>Sets a map's key, or the element of a list or text at an index, to a scalar. Values of concurrent edits that stood there go.</summary>
    /// <exception cref="DocumentException">There is no such object or index, the object is of the other kind, or the value refers to an object.</exception>
    public void Put(ObjectId obj, Prop prop, Value value)
    {
        using Encoded encoded = new(value, stackalloc byte[StackBytes]);
        Apply(obj, prop, encoded.Value);
    }

    /// <summary>Makes an object at a map's key, or in the place of a list's element. Whatever stood there goes.</summary>
    /// <exception cref="DocumentException">There is no such object or index, or the object is of the other kind.</exception>
    public ObjectId PutObject(ObjectId obj, Prop prop, ObjectKind kind)
    {
        EditValue make = EditValue.Make(ActionOf(kind));
        if (prop.IsIndex && FindSequence(obj).IsText) throw DocumentException.WrongKind(obj, ObjectKind.Text, "list");
        LocalId made = _pending.NextId;
        Apply(obj, prop, make);
        return _document.Ops.ObjectIdOf(made);
    }

    /// <summary>Inserts a scalar into a list, or into a text: there it is an element of its own, whatever its width.</summary>
    /// <param name="obj">The list or text.</param>
    /// <param name="index">What it goes before; the length, to append.</param>
    /// <param name="value">The scalar.</param>
    /// <exception cref="DocumentException">There is no such object or index, the object is a map, or the value refers to an object.</exception>
    public void Insert(ObjectId obj, int index, Value value)
    {
        using Encoded encoded = new(value, stackalloc byte[StackBytes]);
        Insert(obj, index, encoded.Value);
    }

    /// <summary>Makes an object in a list, or, as a block marker, in a text.</summary>
    /// <param name="obj">The list or text.</param>
    /// <param name="index">What it goes before; the length, to append.</param>
    /// <param name="kind">What it is; in a text a map.</param>
    /// <exception cref="DocumentException">There is no such object or index, or the object is a map.</exception>
    public ObjectId InsertObject(ObjectId obj, int index, ObjectKind kind)
    {
        EditValue make = EditValue.Make(ActionOf(kind));
        LocalId made = _pending.NextId;
        Insert(obj, index, make);
        return _document.Ops.ObjectIdOf(made);
    }

    /// <summary>Deletes a map's key, or an element of a list or text.</summary>
    /// <returns>false: the key had no value.</returns>
    /// <exception cref="DocumentException">There is no such object or index, or the object is of the other kind.</exception>
    public bool Delete(ObjectId obj, Prop prop)
    {
        if (!prop.IsIndex) return Apply(obj, prop, EditValue.Delete);
        if (FindSequence(obj).IsText) DeleteRange(obj, prop.Index, 1);
        else Apply(obj, prop, EditValue.Delete);
        return true;
    }

    /// <summary>Deletes elements of a list or a stretch of a text.</summary>
    /// <remarks>In a text counted in UTF-16, a pair of surrogates goes whole or stays: a stretch that begins inside begins behind it, and one that ends inside ends behind it.</remarks>
    /// <exception cref="DocumentException">There is no such object, it is a map, or the stretch is not in it.</exception>
    public void DeleteRange(ObjectId obj, int index, int count)
    {
        SequenceObject sequence = FindSequence(obj);
        CheckStretch(obj, sequence, index, count);
        Demand(count);
        _document.Ops.DeleteRange(_pending, sequence, index, count, Utf16);
    }

    /// <summary>Replaces a stretch of a text.</summary>
    /// <param name="obj">The text.</param>
    /// <param name="index">Where the stretch begins, and the new characters go.</param>
    /// <param name="deleteCount">How much of what is there goes.</param>
    /// <param name="text">What comes instead.</param>
    /// <remarks>As for <see cref="DeleteRange"/>. The unit is <see cref="TextUnit"/>.</remarks>
    /// <exception cref="DocumentException">There is no such object, it is no text, or the stretch is not in it.</exception>
    public void SpliceText(ObjectId obj, int index, int deleteCount, ReadOnlySpan<char> text)
    {
        SequenceObject sequence = FindText(obj);
        CheckStretch(obj, sequence, index, deleteCount);
        Demand((long)text.Length + deleteCount);
        if (!text.IsEmpty) InsertCharacters(sequence, ref index, text, Utf16);
        if (deleteCount > 0) _document.Ops.DeleteRange(_pending, sequence, index, deleteCount, Utf16);
    }

    /// <summary>Replaces elements of a list.</summary>
    /// <param name="obj">The list.</param>
    /// <param name="index">Where the elements are, and the new ones go.</param>
    /// <param name="deleteCount">How many go.</param>
    /// <param name="values">What comes instead.</param>
    /// <exception cref="DocumentException">There is no such object, it is no list, the elements are not in it, or a value refers to an object.</exception>
    public void Splice(ObjectId obj, int index, int deleteCount, params ReadOnlySpan<Value> values)
    {
        SequenceObject sequence = FindSequence(obj);
        if (sequence.IsText) throw DocumentException.WrongKind(obj, ObjectKind.Text, "list");
        CheckStretch(obj, sequence, index, deleteCount);
        foreach (ref readonly Value value in values) DemandScalar(value);
        Demand((long)values.Length + deleteCount);
        foreach (ref readonly Value value in values) Insert(obj, index++, value);
        if (deleteCount > 0) _document.Ops.DeleteRange(_pending, sequence, index, deleteCount, utf16: false);
    }

    /// <summary>Adds to the counter at a map's key or an index; concurrent additions add up. Other values that stand there in conflict with it go.</summary>
    /// <exception cref="DocumentException">There is no such object or index, or no counter there.</exception>
    public void Increment(ObjectId obj, Prop prop, long by)
    {
        Span<byte> bytes = stackalloc byte[Leb128.MaxLength];
        Apply(obj, prop, EditValue.Increment(bytes[..Leb128.WriteSigned(bytes, by)]));
    }

    /// <summary>Puts a mark over a stretch of a text. One of the same name and another value gives way where they overlap.</summary>
    /// <param name="obj">The text.</param>
    /// <param name="mark">Where, what, and its value, which is a scalar. Over nothing it must grow, or it is nothing.</param>
    /// <param name="expand">At which ends it takes in what is inserted there.</param>
    /// <exception cref="DocumentException">There is no such object, it is no text, the stretch is not in it, or the value refers to an object.</exception>
    public void Mark(ObjectId obj, Mark mark, MarkExpand expand = MarkExpand.After)
    {
        ArgumentNullException.ThrowIfNull(mark.Name, nameof(mark));
        SequenceObject text = FindText(obj);
        using Encoded encoded = new(mark.Value, stackalloc byte[StackBytes]);
        Demand(2);
        int length = text.WidthAt(_pending.Past, Utf16);
        if (mark.Start < 0 || mark.Start > length) throw DocumentException.IndexOutOfRange(obj, ObjectKind.Text, mark.Start, length);
        if (mark.End < mark.Start || mark.End > length) throw DocumentException.IndexOutOfRange(obj, ObjectKind.Text, mark.End, length);
        using Encoded name = new(mark.Name, stackalloc byte[StackBytes]);
        _document.Ops.Mark(
            _pending, text, mark.Start, mark.End, Utf16, name.Value.Bytes, encoded.Value, expand is MarkExpand.Before or MarkExpand.Both, expand is MarkExpand.After or MarkExpand.Both);
    }

    /// <summary>Takes the marks of a name away from a stretch of a text.</summary>
    /// <param name="obj">The text.</param>
    /// <param name="start">Index of the first character.</param>
    /// <param name="end">Index behind the last.</param>
    /// <param name="name">The marks' name.</param>
    /// <param name="expand">At which ends what is inserted there is without the mark too.</param>
    /// <exception cref="DocumentException">There is no such object, it is no text, or the stretch is not in it.</exception>
    public void Unmark(ObjectId obj, int start, int end, string name, MarkExpand expand = MarkExpand.After) => Mark(obj, new Mark(start, end, name, default), expand);

    /// <summary>Puts a block marker into a text: what comes after it, up to the next, is a block (a paragraph, a list item) that the marker's map describes.</summary>
    /// <returns>The marker's map.</returns>
    /// <exception cref="DocumentException">There is no such object, it is no text, or the index is not in it.</exception>
    public ObjectId SplitBlock(ObjectId obj, int index)
    {
        FindText(obj);
        return InsertObject(obj, index, ObjectKind.Map);
    }

    /// <summary>Takes a block marker out of a text, so that its block joins the one before.</summary>
    /// <exception cref="DocumentException">There is no such object, it is no text, or there is no block marker at the index.</exception>
    public void JoinBlock(ObjectId obj, int index)
    {
        FindText(obj);
        if (View.Get(obj, index, TextUnit) is not { IsObject: true }) throw new DocumentException(DocumentError.WrongValue, $"there is no block marker at index {index} of text {obj}");
        DeleteRange(obj, index, 1);
    }

    private bool Apply(ObjectId obj, Prop prop, scoped in EditValue value)
    {
        Demand(1);
        EditOutcome outcome;
        if (prop.IsIndex)
        {
            outcome = _document.Ops.PutAtIndex(_pending, FindSequence(obj), prop.Index, Utf16, value);
        }
        else
        {
            using Encoded key = new(prop.Key!, stackalloc byte[StackBytes]);
            outcome = _document.Ops.PutAtKey(_pending, FindMap(obj), key.Value.Bytes, value);
        }

        if (outcome == EditOutcome.NoSuchIndex) ThrowIndex(obj, prop.Index);
        if (outcome == EditOutcome.NotACounter) throw new DocumentException(DocumentError.WrongValue, $"there is no counter at '{prop}' of object {obj}");
        return outcome == EditOutcome.Done;
    }

    private void Insert(ObjectId obj, int index, scoped in EditValue value)
    {
        Demand(1);
        if (_document.Ops.Insert(_pending, FindSequence(obj), index, Utf16, value) == EditOutcome.NoSuchIndex) ThrowIndex(obj, index);
    }

    private void InsertCharacters(SequenceObject sequence, ref int index, ReadOnlySpan<char> text, bool utf16)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        byte[]? rented = length > StackBytes ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> utf8 = rented is null ? stackalloc byte[StackBytes] : rented;
        utf8 = utf8[..Encoding.UTF8.GetBytes(text, utf8)];
        _document.Ops.InsertText(_pending, sequence, ref index, utf16, utf8);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
    }

    private SequenceObject FindText(ObjectId obj) => FindSequence(obj) is { IsText: true } text ? text : throw DocumentException.WrongKind(obj, ObjectKind.List, "text");

    private SequenceObject FindSequence(ObjectId obj)
    {
        if (Find(obj) is SequenceObject sequence) return sequence;
        throw DocumentException.WrongKind(obj, Showing.KindOf(Find(obj).Made), "list or text");
    }

    // A table is a map that nobody reads any more: 3.5.0 cannot load what is put into one.
    private MapObject FindMap(ObjectId obj)
    {
        OpObject found = Find(obj);
        if (found is MapObject map && found.Made != OpAction.MakeTable) return map;
        throw DocumentException.WrongKind(obj, Showing.KindOf(found.Made), "map");
    }

    private OpObject Find(ObjectId obj)
    {
        DemandOpen();
        if (_last is not null && obj == _lastId) return _last;
        OpObject? found = _document.Ops.Find(obj);
        if (found is null || !(found.Id.IsNone || _pending.Past.Covers(found.Id))) throw DocumentException.NoSuchObject(obj);
        (_lastId, _last) = (obj, found);
        return found;
    }

    private void CheckStretch(ObjectId obj, SequenceObject sequence, int index, int count)
    {
        int length = sequence.WidthAt(_pending.Past, Utf16);
        if ((uint)index > (uint)length) throw DocumentException.IndexOutOfRange(obj, Showing.KindOf(sequence.Made), index, length);
        if ((uint)count > (uint)(length - index)) throw DocumentException.IndexOutOfRange(obj, Showing.KindOf(sequence.Made), index + count, length);
    }

    [DoesNotReturn]
    private void ThrowIndex(ObjectId obj, int index)
    {
        SequenceObject sequence = FindSequence(obj);
        throw DocumentException.IndexOutOfRange(obj, Showing.KindOf(sequence.Made), index, sequence.WidthAt(_pending.Past, Utf16));
    }

    private void DemandOpen()
    {
        if (!IsOpen) throw new DocumentException(DocumentError.WrongState, "the transaction has ended");
    }

    private void Demand(long operations)
    {
        DemandOpen();
        if (operations > _pending.Room) throw new DocumentException(DocumentError.WrongState, "the change has as many operations as one can have");
    }

    private static void DemandScalar(in Value value)
    {
        if (value.IsObject) throw new DocumentException(DocumentError.WrongValue, $"{value} cannot be put anywhere: objects are made where they are");
    }

    private static OpAction ActionOf(ObjectKind kind) => kind switch
    {
        ObjectKind.Map => OpAction.MakeMap,
        ObjectKind.List => OpAction.MakeList,
        ObjectKind.Text => OpAction.MakeText,
        _ => throw new DocumentException(DocumentError.WrongObjectKind, "tables cannot be made any more: automerge 3 does not read them"),
    };

    // A scalar as it is written, on the stack if it is small.
    private readonly ref struct Encoded
    {
        private readonly byte[]? _rented;

        public Encoded(in Value value, Span<byte> stack)
        {
            DemandScalar(value);
            int length = value.EncodedLength;
            _rented = length > stack.Length ? ArrayPool<byte>.Shared.Rent(length) : null;
            Span<byte> bytes = (_rented ?? stack)[..length];
            value.Encode(bytes);
            Value = EditValue.Scalar(value.Code, bytes);
        }

        public EditValue Value { get; }

        public void Dispose()
        {
            if (_rented is not null) ArrayPool<byte>.Shared.Return(_rented);
        }
    }
}
