using Automerge.Changes;

namespace Automerge.Values;

/// <summary>Where a cursor goes when its element is deleted.</summary>
public enum CursorMove : byte
{
    /// <summary>To the element that follows.</summary>
    After,

    /// <summary>To the element before.</summary>
    Before,
}

/// <summary>
/// A position in a text or list that stays with its element while others come and go around it. The string form is that of automerge 3:
/// <c>s</c>, <c>e</c>, or the element's operation, after a <c>-</c> if the cursor moves before when the element is deleted.
/// </summary>
public readonly record struct Cursor
{
    private enum Place : byte
    {
        Start,
        End,
        Element,
    }

    private readonly Place _place;

    private Cursor(Place place, OpId element, CursorMove move) => (_place, Element, Move) = (place, element, move);

    /// <summary>The beginning, whatever comes to stand there.</summary>
    public static Cursor Start => default;

    /// <summary>The end, whatever comes to stand there.</summary>
    public static Cursor End => new(Place.End, default, default);

    /// <summary>Whether this is the beginning.</summary>
    public bool IsStart => _place == Place.Start;

    /// <summary>Whether this is the end.</summary>
    public bool IsEnd => _place == Place.End;

    /// <summary>The insert that made the element; default at the beginning and the end.</summary>
    public OpId Element { get; }

    /// <summary>Where to, when the element is deleted.</summary>
    public CursorMove Move { get; }

    /// <summary>A cursor on an element.</summary>
    /// <param name="element">The insert that made it.</param>
    /// <param name="move">Where to, when the element is deleted.</param>
    public static Cursor At(OpId element, CursorMove move = CursorMove.After) => new(Place.Element, element, move);

    /// <summary>Reads what <see cref="ToString"/> writes, or automerge 3.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Cursor cursor)
    {
        cursor = default;
        if (text is "s") return true;
        if (text is "e")
        {
            cursor = End;
            return true;
        }

        CursorMove move = text.StartsWith('-') ? CursorMove.Before : CursorMove.After;
        if (!OpIdText.TryParse(move == CursorMove.Before ? text[1..] : text, out OpId element)) return false;
        cursor = At(element, move);
        return true;
    }

    /// <summary>As automerge 3 writes cursors.</summary>
    public override string ToString() => _place switch
    {
        Place.Start => "s",
        Place.End => "e",
        _ => (Move == CursorMove.Before ? "-" : "") + Element,
    };
}
