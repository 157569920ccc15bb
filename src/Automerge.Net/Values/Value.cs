using System.Globalization;
using Automerge.Changes;

namespace Automerge.Values;

/// <summary>A scalar, or a reference to an object, as it is in a document. <c>default</c> is null. 24 bytes.</summary>
/// <remarks>Immutable; safe on any thread. Equal are values of one kind that say the same: signed 1 is not unsigned 1.</remarks>
public readonly partial struct Value : IEquatable<Value>
{
    private const long NotANumber = 0x7FF8_0000_0000_0000;

    // String: string. Bytes, Unknown: byte[]. Object: its actor's bytes.
    private readonly object? _data;

    // Numbers; booleans as 0 or 1; floats as their bits. Object: the counter.
    private readonly long _bits;
    private readonly byte _detail;     // Object: the object's kind. Unknown: the type code.

    private Value(ValueKind kind, long bits, object? data = null, byte detail = 0) => (Kind, _bits, _data, _detail) = (kind, bits, data, detail);

    /// <summary>Null.</summary>
    public static Value Null => default;

    /// <summary>What it is, and so which of the <c>As…</c> methods applies.</summary>
    public ValueKind Kind { get; }

    /// <summary>Whether it is null.</summary>
    public bool IsNull => Kind == ValueKind.Null;

    /// <summary>Whether it refers to an object.</summary>
    public bool IsObject => Kind == ValueKind.Object;

    /// <summary>True or false.</summary>
    public static Value Boolean(bool value) => new(ValueKind.Boolean, value ? 1 : 0);

    /// <summary>A whole number from 0.</summary>
    public static Value Unsigned(ulong value) => new(ValueKind.Unsigned, unchecked((long)value));

    /// <summary>A whole number.</summary>
    public static Value Signed(long value) => new(ValueKind.Signed, value);

    /// <summary>A number of double precision; whole ones stay of this kind. Not a number is the one that JavaScript writes: .NET's own has another sign.</summary>
    public static Value Float(double value) => new(ValueKind.Float, double.IsNaN(value) ? NotANumber : BitConverter.DoubleToInt64Bits(value));

    /// <summary>A string that is replaced as a whole. Surrogates without partner become U+FFFD when it is stored.</summary>
    public static Value String(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new Value(ValueKind.String, 0, value);
    }

    /// <summary>Copies bytes.</summary>
    public static Value Bytes(ReadOnlySpan<byte> value) => new(ValueKind.Bytes, 0, value.ToArray());

    /// <summary>What a counter stands at.</summary>
    public static Value Counter(long value) => new(ValueKind.Counter, value);

    /// <summary>Milliseconds since 1970-01-01 UTC.</summary>
    public static Value Timestamp(long unixMs) => new(ValueKind.Timestamp, unixMs);

    /// <summary>A scalar of a type that the format does not define.</summary>
    /// <param name="type">From 10 to 15.</param>
    /// <param name="value">Its bytes, which are copied.</param>
    public static Value Unknown(int type, ReadOnlySpan<byte> value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(type, Columns.ScalarCode.Timestamp + 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(type, 15);
        return new Value(ValueKind.Unknown, 0, value.ToArray(), (byte)type);
    }

    /// <summary>A reference to an object.</summary>
    public static Value Object(ObjectId id, ObjectKind kind) => new(ValueKind.Object, id.Operation.Counter, id.Operation.Actor.Shared, (byte)kind);

    /// <summary>The boolean.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public bool AsBoolean() => Demand(ValueKind.Boolean)._bits != 0;

    /// <summary>The number of any whole kind: signed, unsigned, a counter's, a timestamp's milliseconds.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    /// <exception cref="OverflowException">It is unsigned and beyond <see cref="long.MaxValue"/>.</exception>
    public long AsInt64() => Kind switch
    {
        ValueKind.Signed or ValueKind.Counter or ValueKind.Timestamp => _bits,
        ValueKind.Unsigned => checked((long)unchecked((ulong)_bits)),
        _ => Demand(ValueKind.Signed)._bits,
    };

    /// <summary>The unsigned number.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public ulong AsUInt64() => unchecked((ulong)Demand(ValueKind.Unsigned)._bits);

    /// <summary>The number: of double precision, or signed, unsigned or a counter's, which may lose digits beyond 2^53.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public double AsDouble() => Kind switch
    {
        ValueKind.Signed or ValueKind.Counter => _bits,
        ValueKind.Unsigned => unchecked((ulong)_bits),
        _ => BitConverter.Int64BitsToDouble(Demand(ValueKind.Float)._bits),
    };

    /// <summary>The string.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public string AsString() => (string)Demand(ValueKind.String)._data!;

    /// <summary>The bytes of a bytes value or of an unknown one.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public ReadOnlyMemory<byte> AsBytes() => (byte[])(Kind == ValueKind.Unknown ? this : Demand(ValueKind.Bytes))._data!;

    /// <summary>The type code of an unknown value, from 10 to 15.</summary>
    /// <exception cref="InvalidOperationException">It is of another kind.</exception>
    public int AsUnknownType() => Demand(ValueKind.Unknown)._detail;

    /// <summary>The object's id.</summary>
    /// <exception cref="InvalidOperationException">It is a scalar.</exception>
    public ObjectId AsObject() => Demand(ValueKind.Object) is { _bits: not 0 } made ? new(new OpId((uint)made._bits, ActorId.Share((byte[]?)made._data))) : default;

    /// <summary>What the object is.</summary>
    /// <exception cref="InvalidOperationException">It is a scalar.</exception>
    public ObjectKind AsObjectKind() => (ObjectKind)Demand(ValueKind.Object)._detail;

    /// <inheritdoc/>
    public bool Equals(Value other)
    {
        if (Kind != other.Kind || _bits != other._bits || _detail != other._detail) return false;
        return _data is byte[] bytes ? bytes.AsSpan().SequenceEqual((byte[]?)other._data) : Equals(_data, other._data);
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Value other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(Kind);
        hash.Add(_bits);
        if (_data is byte[] bytes) hash.AddBytes(bytes);
        else hash.Add(_data);
        return hash.ToHashCode();
    }

    /// <summary>Kind and content, for people.</summary>
    public override string ToString() => Kind switch
    {
        ValueKind.Null => "null",
        ValueKind.Boolean => _bits != 0 ? "true" : "false",
        ValueKind.Unsigned => $"unsigned {AsUInt64().ToString(CultureInfo.InvariantCulture)}",
        ValueKind.Float => $"float {AsDouble().ToString(CultureInfo.InvariantCulture)}",
        ValueKind.String => $"\"{AsString()}\"",
        ValueKind.Bytes or ValueKind.Unknown => $"{Kind.ToString().ToLowerInvariant()} {Convert.ToHexStringLower(AsBytes().Span)}",
        ValueKind.Object => $"{AsObjectKind().ToString().ToLowerInvariant()} {AsObject()}",
        _ => $"{Kind.ToString().ToLowerInvariant()} {_bits.ToString(CultureInfo.InvariantCulture)}",
    };

    /// <summary>Same kind and content.</summary>
    public static bool operator ==(Value left, Value right) => left.Equals(right);

    /// <summary>Another kind or content.</summary>
    public static bool operator !=(Value left, Value right) => !left.Equals(right);

    /// <summary>True or false.</summary>
    public static implicit operator Value(bool value) => Boolean(value);

    /// <summary>A signed number.</summary>
    public static implicit operator Value(int value) => Signed(value);

    /// <summary>A signed number.</summary>
    public static implicit operator Value(long value) => Signed(value);

    /// <summary>An unsigned number.</summary>
    public static implicit operator Value(ulong value) => Unsigned(value);

    /// <summary>A number of double precision.</summary>
    public static implicit operator Value(double value) => Float(value);

    /// <summary>A string; never null, lest a null that means no value become a value that is null.</summary>
    public static implicit operator Value(string value) => String(value);

    private Value Demand(ValueKind kind) => Kind == kind ? this : throw new InvalidOperationException($"the value is {Kind}, not {kind}");
}
