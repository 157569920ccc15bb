using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Ratatoskr.Interop.Tests.Blobs;

/// <summary>An upload, and how far its user knows it to be. The server may be further by one step of each thread.</summary>
/// <param name="seed">The bytes follow from it: an attempt costs no memory.</param>
/// <param name="chunkSize">0: in one request.</param>
internal sealed class UploadAttempt(int seed, int size, int chunkSize)
{
    private readonly ConcurrentDictionary<int, bool> _acknowledged = [];
    private string? _id;

    public int Size => size;

    public string Hash { get; } = Convert.ToHexStringLower(SHA256.HashData(BytesOf(seed, size)));

    public bool IsWhole { get; private set; }

    /// <summary>The answer that had the id may have been lost, and a reservation with it, until it expires.</summary>
    public bool MayHaveLostId { get; private set; }

    public int ChunkCount => (size + chunkSize - 1) / chunkSize;

    public byte[] Bytes => BytesOf(seed, size);

    public ReadOnlyMemory<byte> Chunk(int index) => Bytes.AsMemory(index * chunkSize, Math.Min(chunkSize, size - index * chunkSize));

    public async Task<string> InitAsync(BlobClient user)
    {
        MayHaveLostId = true;
        _id = await user.InitAsync(size, chunkSize);
        MayHaveLostId = false;
        return _id;
    }

    public async Task PutAsync(BlobClient user, int index)
    {
        await user.PutAsync(_id!, index, BlobClient.Bytes(Chunk(index)));
        _acknowledged[index] = true;
    }

    public async Task CompleteAsync(BlobClient user)
    {
        Assert.Equal(Hash, await user.CompleteAsync(_id!));
        IsWhole = true;
    }

    /// <summary>From the beginning to the end, two chunks at a time in any order.</summary>
    public async Task RunAsync(BlobClient user, Random random)
    {
        if (chunkSize == 0)
        {
            Assert.Equal(Hash, await user.TakeAsync(BlobClient.Bytes(Bytes)));
            IsWhole = true;
            return;
        }

        await InitAsync(user);
        int[] order = [.. Enumerable.Range(0, ChunkCount)];
        random.Shuffle(order);
        await Parallel.ForEachAsync(order, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (index, _) => await PutAsync(user, index));
        await CompleteAsync(user);
    }

    /// <summary>After a kill: the blob is whole or absent, what was acknowledged is there, and going on leads to the end.</summary>
    /// <param name="givesUp">Abort it, if it is not whole.</param>
    /// <returns>Whether it is the user's claim now.</returns>
    public async Task<bool> ResumeAsync(BlobClient user, bool givesUp, string when)
    {
        bool isThere = await IsThereAsync(user, when);
        Assert.True(isThere || !IsWhole, $"{when}: upload of {size} bytes, acknowledged, is gone");
        if (IsWhole) return true;
        if (chunkSize == 0)
        {
            await RunAsync(user, Random.Shared);
        }
        else
        {
            if (_id is null) await InitAsync(user);
            JsonNode state = await user.StateAsync(_id!);
            HashSet<int> received = [.. state["received"]!.AsArray().SelectMany(run => Enumerable.Range((int)run![0]!, (int)run[1]! - (int)run[0]! + 1))];
            Assert.True(received.Count == (int)state["chunksReceived"]!, when);
            Assert.True(received.IsSupersetOf(_acknowledged.Keys), $"{when}: chunks {string.Join(' ', _acknowledged.Keys)} were acknowledged, there are {string.Join(' ', received)}");
            Assert.True(isThere == (state["hash"] is not null), $"{when}: the upload says {state["hash"]}, the blob is {(isThere ? "there" : "absent")}");
            if (givesUp && !isThere)
            {
                await user.AbortAsync(_id!);
                Assert.False(await IsThereAsync(user, when));
                return false;
            }

            foreach (int missing in Enumerable.Range(0, ChunkCount).Except(received)) await PutAsync(user, missing);
            await CompleteAsync(user);
            await CompleteAsync(user);
        }

        Assert.True(await IsThereAsync(user, when), when);
        return true;
    }

    /// <summary>Whether the blob is there; if so, it is the right one.</summary>
    public async Task<bool> IsThereAsync(BlobClient user, string when)
    {
        if (await user.DownloadAsync(Hash) is not { } there) return false;
        Assert.True(there.AsSpan().SequenceEqual(Bytes), $"{when}: a blob of {size} bytes has others ({there.Length})");
        return true;
    }

    private static byte[] BytesOf(int seed, int size)
    {
        byte[] bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
