using System.Text.Json;
using Automerge.Changes;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Changes;

public class ChangeVectorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Encode_decoded_change_gives_same_bytes(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        JsonElement hashes = vector.GetProperty("hashes");
        int i = 0;
        foreach (JsonElement change in vector.GetProperty("changes").EnumerateArray())
        {
            byte[] bytes = change.GetBytesFromBase64();
            Assert.Equal(bytes, Change.Decode(bytes).Encode(out ChangeHash hash));
            Assert.Equal(hashes[i++].GetString(), hash.ToString());
        }
    }
}
