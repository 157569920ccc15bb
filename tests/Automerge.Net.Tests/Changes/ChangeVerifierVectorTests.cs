using System.Text.Json;
using Automerge.Changes;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Changes;

/// <summary>Changes as automerge 3.5.0 wrote them.</summary>
public class ChangeVerifierVectorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Verify_change_of_automerge_gives_its_hash_and_header(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        JsonElement changes = vector.GetProperty("changes"), hashes = vector.GetProperty("hashes"), decoded = vector.GetProperty("decoded");
        for (int i = 0; i < changes.GetArrayLength(); i++)
        {
            byte[] bytes = changes[i].GetBytesFromBase64();
            ChangeVerdict verdict = ChangeVerifier.Verify(bytes, ChangeLimits.Default, out ChangeHeader header);
            Assert.True(verdict.IsOk, $"change {i}: {verdict}");
            JsonElement expected = decoded[i];
            Assert.Equal(hashes[i].GetString(), header.Hash.ToString());
            Assert.Equal(expected.GetProperty("actor").GetString(), Convert.ToHexStringLower(header.Actor));
            Assert.Equal(expected.GetProperty("seq").GetUInt32(), header.Seq);
            Assert.Equal(expected.GetProperty("startOp").GetUInt32(), header.StartOp);
            Assert.Equal(expected.GetProperty("ops").GetUInt32(), header.OpCount);
            Assert.Equal(expected.GetProperty("time").GetInt64(), header.Time);
            Assert.Equal(expected.GetProperty("message").GetString() ?? "", System.Text.Encoding.UTF8.GetString(header.Message));
            string[] deps = new string[header.Deps.Length];
            for (int j = 0; j < deps.Length; j++) deps[j] = header.Deps[j].ToString();
            Assert.Equal(expected.GetProperty("deps").EnumerateArray().Select(dep => dep.GetString()!), deps);
        }
    }
}
