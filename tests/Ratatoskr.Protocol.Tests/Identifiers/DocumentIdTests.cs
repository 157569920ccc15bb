using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Protocol.Tests.Identifiers;

public class DocumentIdTests
{
    private const string Known = "148vjpuxYXixb8DcbaWyeGv2q3u";

    [Fact]
    public void TryParse_of_known_text_equals_id_from_its_payload()
    {
        Assert.True(DocumentId.TryParse("148vjpuxYXixb8DcbaWyeGv2q3u"u8, out DocumentId parsed));
        DocumentId made = DocumentId.FromPayload(Convert.FromHexString("00112233445566778899aabbccddeeff"));
        Assert.Equal(parsed, made);
        Assert.True(parsed == made);
        Assert.Equal(parsed.GetHashCode(), made.GetHashCode());
        Assert.Equal(Known, made.ToString());
        Assert.False(made.IsDefault);
    }

    [Theory]
    [InlineData("")]
    [InlineData("3QJmnh")]                                      // the empty payload names nothing
    [InlineData("148vjpuxYXixb8DcbaWyeGv2q3v")]
    [InlineData("automerge:148vjpuxYXixb8DcbaWyeGv2q3u")]
    [InlineData("eph:room")]
    [InlineData("00112233-4455-6677-8899-aabbccddeeff")]        // legacy ids never come over the wire
    public void TryParse_of_anything_else_is_refused(string text)
    {
        Assert.False(DocumentId.TryParse(System.Text.Encoding.ASCII.GetBytes(text), out DocumentId id));
        Assert.True(id.IsDefault);
    }

    [Fact]
    public void FromRandom_makes_a_uuid_of_version_4()
    {
        foreach (byte fill in (byte[])[0, 0x55, 0xFF])
        {
            byte[] payload = new byte[Base58Check.PayloadLengthMax];
            Assert.True(Base58Check.TryDecode(DocumentId.FromRandom(Enumerable.Repeat(fill, DocumentId.UuidLength).ToArray()).Text, payload, out int length));
            Guid uuid = new(payload.AsSpan(0, length), bigEndian: true);
            Assert.Equal(4, uuid.Version);
            Assert.InRange(uuid.Variant, 8, 11);
        }

        Assert.Throws<ArgumentException>(() => DocumentId.FromRandom(new byte[15]));
    }

    [Fact]
    public void FromPayload_of_none_or_too_many_bytes_throws()
    {
        Assert.Throws<ArgumentException>(() => DocumentId.FromPayload([]));
        Assert.Throws<ArgumentException>(() => DocumentId.FromPayload(new byte[509]));
        Assert.False(DocumentId.TryFromPayload(Enumerable.Repeat((byte)255, 371).ToArray(), out _));
        Assert.True(DocumentId.TryFromPayload(Enumerable.Repeat((byte)255, 370).ToArray(), out _));
        Assert.Equal("9T3gSjzeXKy8XBSMof", DocumentId.FromPayload("eph:room1"u8).ToString());
    }

    [Fact]
    public void Comparer_finds_ids_by_the_bytes_of_a_frame()
    {
        Dictionary<DocumentId, int> documents = new(DocumentId.Comparer.Instance) { [DocumentId.FromPayload([1, 2, 3])] = 7 };
        Dictionary<PeerId, int> peers = new(PeerId.Comparer.Instance) { [PeerId.FromString("peer-ä")] = 8 };
        HashSet<StorageId> stores = new(StorageId.Comparer.Instance) { StorageId.FromString("store") };

        ReadOnlySpan<byte> text = DocumentId.FromPayload([1, 2, 3]).Text;
        Assert.True(documents.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(text, out int document));
        Assert.Equal(7, document);
        Assert.Equal(8, peers.GetAlternateLookup<ReadOnlySpan<byte>>()["peer-ä"u8]);
        Assert.True(stores.GetAlternateLookup<ReadOnlySpan<byte>>().Contains("store"u8));
        Assert.False(stores.GetAlternateLookup<ReadOnlySpan<byte>>().Contains("Store"u8));
        Assert.True(stores.GetAlternateLookup<ReadOnlySpan<byte>>().Add("another"u8));
        Assert.Contains(StorageId.FromString("another"), stores);
    }

    [Fact]
    public void Default_ids_are_empty_and_equal()
    {
        Assert.True(default(PeerId).IsDefault);
        Assert.Equal(default, new PeerId());
        Assert.Equal("", default(StorageId).ToString());
        Assert.Equal(0, default(DocumentId).Text.Length);
    }
}
