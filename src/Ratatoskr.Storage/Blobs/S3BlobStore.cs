using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Blobs as objects of a bucket, under prefix and hash. Small ones go in one request, others in parts. An object appears whole or not at all, as S3 has it; what a killed server leaves of an upload in
/// parts is not to be seen, and to be removed by a lifecycle rule of the bucket.
/// </summary>
/// <remarks>Safe on any thread. Only who makes one has the SDK's assemblies loaded.</remarks>
public sealed class S3BlobStore : IBlobStore, IDisposable
{
    private const int ListedAtOnce = 1000;                        // S3 gives no more

    private readonly S3BlobStoreOptions _options;
    private readonly AmazonS3Client _client;
    private readonly SemaphoreSlim _transfers;

    public S3BlobStore(S3BlobStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _transfers = new SemaphoreSlim(options.TransfersMax);
        AmazonS3Config config = new()
        {
            ForcePathStyle = options.PathStyle ?? options.Endpoint is not null,
            MaxErrorRetry = options.RetriesMax,
            // Many stores that speak S3 know none of its newer checksums.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.Endpoint is { } endpoint) (config.ServiceURL, config.AuthenticationRegion) = (endpoint.AbsoluteUri, options.Region);
        else config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        _client = options.KeyId is null ? new AmazonS3Client(config) : new AmazonS3Client(new BasicAWSCredentials(options.KeyId, options.Secret), config);
    }

    private bool IsEncrypted => _options.Endpoint is not { } endpoint || endpoint.Scheme == Uri.UriSchemeHttps;

    public ValueTask PutAsync(StagedBlob staged, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(staged);
        return CallAsync("putting a blob", async () =>
        {
            string key = KeyOf(staged.Hash);
            // Also when it is there: how long an upload takes must not tell that somebody else has the same bytes.
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(staged.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (staged.Length <= _options.PartBytes) await PutWholeAsync(staged, key, file, stop).ConfigureAwait(false);
            else await PutPartsAsync(staged, key, file, stop).ConfigureAwait(false);
        }, stop);
    }

    public async ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop)
    {
        string key = KeyOf(hash);
        long? length = null;
        await CallAsync("opening a blob", async () => length = await LengthAsync(key, stop).ConfigureAwait(false), stop).ConfigureAwait(false);
        return length is { } found ? new Content(this, key, found) : null;
    }

    public async ValueTask<bool> DeleteAsync(BlobHash hash, CancellationToken stop)
    {
        bool wasThere = false;
        await CallAsync("deleting a blob", async () =>
        {
            // S3 does not say whether there was one.
            wasThere = await LengthAsync(KeyOf(hash), stop).ConfigureAwait(false) is not null;
            if (wasThere) await _client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _options.Bucket, Key = KeyOf(hash) }, stop).ConfigureAwait(false);
        }, stop).ConfigureAwait(false);
        return wasThere;
    }

    public async IAsyncEnumerable<StoredBlob> ListAsync([EnumeratorCancellation] CancellationToken stop)
    {
        ListObjectsV2Request request = new() { BucketName = _options.Bucket, Prefix = _options.Prefix, MaxKeys = ListedAtOnce };
        do
        {
            ListObjectsV2Response page = null!;
            await CallAsync("listing blobs", async () => page = await _client.ListObjectsV2Async(request, stop).ConfigureAwait(false), stop).ConfigureAwait(false);
            foreach (S3Object found in page.S3Objects ?? [])
            {
                if (!BlobHash.TryParse(found.Key[_options.Prefix.Length..], out BlobHash hash)) continue;
                yield return new StoredBlob(hash, found.Size ?? 0, new DateTimeOffset((found.LastModified ?? default).ToUniversalTime(), TimeSpan.Zero));
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    public void Dispose()
    {
        _client.Dispose();
        _transfers.Dispose();
    }

    private string KeyOf(BlobHash hash) => _options.Prefix + hash;

    private async Task<long?> LengthAsync(string key, CancellationToken stop)
    {
        try
        {
            return (await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = _options.Bucket, Key = key }, stop).ConfigureAwait(false)).ContentLength;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    private async Task PutWholeAsync(StagedBlob staged, string key, Microsoft.Win32.SafeHandles.SafeFileHandle file, CancellationToken stop)
    {
        await _transfers.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            using FilePart bytes = new(file, 0, staged.Length);
            await _client.PutObjectAsync(
                new PutObjectRequest
                {
                    BucketName = _options.Bucket,
                    Key = key,
                    InputStream = bytes,
                    AutoCloseStream = false,
                    UseChunkEncoding = false,                     // some stores keep the chunks' headers as if they were bytes
                    DisablePayloadSigning = IsEncrypted,          // signed, the bytes are read and hashed once more
                    ContentType = "application/octet-stream",
                },
                stop).ConfigureAwait(false);
        }
        finally
        {
            _transfers.Release();
        }
    }

    private async Task PutPartsAsync(StagedBlob staged, string key, Microsoft.Win32.SafeHandles.SafeFileHandle file, CancellationToken stop)
    {
        // 10,000 parts are the most there may be.
        long partBytes = Math.Max(_options.PartBytes, (staged.Length + 9_999) / 10_000);
        string upload = (await _client.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = _options.Bucket, Key = key, ContentType = "application/octet-stream" }, stop).ConfigureAwait(false)).UploadId;
        try
        {
            PartETag[] parts = new PartETag[(int)((staged.Length + partBytes - 1) / partBytes)];
            await Parallel.ForAsync(0, parts.Length, new ParallelOptions { MaxDegreeOfParallelism = _options.TransfersMax, CancellationToken = stop }, async (index, stopped) =>
                parts[index] = await PutPartAsync(index).ConfigureAwait(false)).ConfigureAwait(false);
            await _client.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest { BucketName = _options.Bucket, Key = key, UploadId = upload, PartETags = [.. parts] }, stop).ConfigureAwait(false);

            async Task<PartETag> PutPartAsync(int index)
            {
                await _transfers.WaitAsync(stop).ConfigureAwait(false);
                try
                {
                    long offset = index * partBytes;
                    using FilePart bytes = new(file, offset, Math.Min(partBytes, staged.Length - offset));
                    UploadPartResponse put = await _client.UploadPartAsync(
                        new UploadPartRequest
                        {
                            BucketName = _options.Bucket,
                            Key = key,
                            UploadId = upload,
                            PartNumber = index + 1,
                            PartSize = bytes.Length,
                            InputStream = bytes,
                            UseChunkEncoding = false,
                            DisablePayloadSigning = IsEncrypted,
                        },
                        stop).ConfigureAwait(false);
                    return new PartETag(index + 1, put.ETag);
                }
                finally
                {
                    _transfers.Release();
                }
            }
        }
        catch
        {
            await AbortAsync(key, upload).ConfigureAwait(false);
            throw;
        }
    }

    // What it fails at, the bucket's lifecycle rule does later; the failure that led here is the one to tell.
    private async Task AbortAsync(string key, string upload)
    {
        try
        {
            await _client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = _options.Bucket, Key = key, UploadId = upload }, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (IsFailure(e, CancellationToken.None))
        {
        }
    }

    private async ValueTask CallAsync(string operation, Func<Task> call, CancellationToken stop)
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (Exception e) when (IsFailure(e, stop))
        {
            throw StoreUnavailableException.For(operation, $"bucket {_options.Bucket}", e.Message, e);
        }
    }

    // The SDK tells a time-out as a cancellation.
    private static bool IsFailure(Exception e, CancellationToken stop) =>
        e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or UnauthorizedAccessException or TimeoutException
        || (e is OperationCanceledException && !stop.IsCancellationRequested);

    private sealed class Content(S3BlobStore store, string key, long length) : IBlobContent
    {
        private const int PieceBytes = 64 << 10;

        public long Length => length;

        public Uri? Address(string contentType, string contentDisposition) => !store._options.Presign ? null : new Uri(store._client.GetPreSignedURL(new GetPreSignedUrlRequest
        {
            BucketName = store._options.Bucket,
            Key = key,
            Verb = HttpVerb.GET,
            Expires = DateTime.UtcNow + store._options.AddressLifetime,
            Protocol = store.IsEncrypted ? Amazon.S3.Protocol.HTTPS : Amazon.S3.Protocol.HTTP,
            ResponseHeaderOverrides = new ResponseHeaderOverrides { ContentType = contentType, ContentDisposition = contentDisposition },
        }));

        public ValueTask SendAsync(long offset, long length, PipeWriter to, CancellationToken stop)
        {
            ArgumentNullException.ThrowIfNull(to);
            ArgumentOutOfRangeException.ThrowIfNegative(offset);
            ArgumentOutOfRangeException.ThrowIfNegative(length);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
            return length == 0 ? ValueTask.CompletedTask : store.CallAsync("reading a blob", () => CopyAsync(offset, length, to, stop), stop);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private async Task CopyAsync(long offset, long count, PipeWriter to, CancellationToken stop)
        {
            using GetObjectResponse response = await store._client.GetObjectAsync(
                new GetObjectRequest { BucketName = store._options.Bucket, Key = key, ByteRange = new ByteRange(offset, offset + count - 1) }, stop).ConfigureAwait(false);
            for (long left = count; left > 0;)
            {
                Memory<byte> memory = to.GetMemory((int)Math.Min(left, PieceBytes));
                int read = await response.ResponseStream.ReadAsync(memory[..(int)Math.Min(left, Math.Min(memory.Length, PieceBytes))], stop).ConfigureAwait(false);
                if (read == 0) throw new IOException($"the bucket gave {count - left} bytes of {count}");
                to.Advance(read);
                left -= read;
                if ((await to.FlushAsync(stop).ConfigureAwait(false)).IsCompleted) return;
            }
        }
    }
}
