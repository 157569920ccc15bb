using System.Text.Json;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Documents;

/// <summary>Saves beside those of automerge 3.5.0.</summary>
public class DocumentWriterVectorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Write_of_applied_changes_gives_the_save_of_automerge(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        byte[] saved = vector.GetProperty("saved").GetBytesFromBase64();
        byte[] written = BuiltDocument.Of(Changes(vector)).Save();
        InflatedDocument.AssertSame(saved, written);

        // Deflate's own bytes are not promised, but for documents as small as these they have always been the same.
        Assert.True(saved.AsSpan().SequenceEqual(written), "deflated bytes differ");
    }

    internal static IEnumerable<byte[]> Changes(JsonElement vector) => vector.GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64());
}
