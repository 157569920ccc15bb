using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Blobs;

/// <summary>The same bytes through the server.</summary>
internal sealed partial class Transfers(int port, string token, BlobRunOptions options)
{
    private const int PieceBytes = 256 << 10;

    /// <summary>In chunks of the size that the server likes, some at a time, to the answer that it is complete.</summary>
    /// <param name="completeSeconds">The last step's part of the time: what is left to hash, and the sync.</param>
    /// <returns>Its hash.</returns>
    public string Upload(string path, out double completeSeconds)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        long size = RandomAccess.GetLength(file);
        using HttpSocket first = new(port, token);
        using JsonDocument begun = JsonDocument.Parse(first.Ask("POST", "/blobs/upload/init", $$"""{"size":{{size}},"mimeType":"application/octet-stream"}"""));
        string id = begun.RootElement.GetProperty("uploadId").GetString()!;
        int chunkSize = begun.RootElement.GetProperty("chunkSize").GetInt32(), count = begun.RootElement.GetProperty("totalChunks").GetInt32(), next = -1;
        OnThreads(options.Chunks, () =>
        {
            byte[] buffer = new byte[PieceBytes];
            using HttpSocket socket = new(port, token);
            for (int index; (index = Interlocked.Increment(ref next)) < count;)
            {
                long offset = (long)index * chunkSize, end = Math.Min(offset + chunkSize, size);
                socket.SendHead("PUT", $"/blobs/upload/{id}/chunk/{index}", "application/octet-stream", end - offset);
                while (offset < end)
                {
                    int read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(PieceBytes, end - offset)), offset);
                    socket.Send(buffer.AsSpan(0, read));
                    offset += read;
                }

                socket.Answer();
            }
        });
        long sent = Stopwatch.GetTimestamp();
        using JsonDocument whole = JsonDocument.Parse(first.Ask("POST", $"/blobs/upload/{id}/complete"));
        completeSeconds = Stopwatch.GetElapsedTime(sent).TotalSeconds;
        return whole.RootElement.GetProperty("hash").GetString()!;
    }

    /// <summary>Takes a blob and throws it away: what the server can give.</summary>
    public void Drain(string hash)
    {
        using HttpSocket socket = new(port, token);
        socket.SendHead("GET", $"/blobs/{hash}", "text/plain", 0);
        socket.Receive(static _ => { });
    }

    /// <summary>Takes a blob as the yardstick takes its file: hashes, writes, and syncs at the end.</summary>
    public void Download(string hash, string to)
    {
        using HttpSocket socket = new(port, token);
        using IncrementalHash sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using SafeFileHandle target = File.OpenHandle(to, FileMode.Create, FileAccess.Write);
        long offset = 0;
        socket.SendHead("GET", $"/blobs/{hash}", "text/plain", 0);
        socket.Receive(bytes =>
        {
            sum.AppendData(bytes);
            RandomAccess.Write(target, bytes, offset);
            offset += bytes.Length;
        });
        RandomAccess.FlushToDisk(target);
        string got = Convert.ToHexStringLower(sum.GetHashAndReset());
        if (got != hash) throw new InvalidDataException($"{got} instead of {hash}");
    }

    /// <summary>Small files, each in one request.</summary>
    public void UploadSmall(int count, Func<int, byte[]> bytesOf)
    {
        int next = -1;
        OnThreads(options.Parallel, () =>
        {
            using HttpSocket socket = new(port, token);
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                byte[] bytes = bytesOf(i);
                socket.SendWhole("POST", "/blobs", "application/octet-stream", bytes);
                socket.Answer();
            }
        });
    }

    // Of the calling thread, for 0 (PRIO_PROCESS): on Linux priorities are threads'.
    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetPriority(int which, int who, int priority);

    private void OnThreads(int count, Action work)
    {
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(() =>
        {
            try
            {
                if (options.Niceness > 0) _ = SetPriority(0, 0, options.Niceness);
                work();
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        if (failure is not null) throw new InvalidOperationException($"a transfer failed: {failure.Message}", failure);
    }
}
