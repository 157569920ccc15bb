namespace Ratatoskr.Storage.Blobs;

/// <summary>Which bucket an <see cref="S3BlobStore"/> keeps blobs in, and how they get there.</summary>
/// <remarks>Memory: the SDK's own buffers, some 100 KB per transfer under way; parts are read from the stage as they are sent.</remarks>
public sealed record S3BlobStoreOptions
{
    /// <summary>Has to be there.</summary>
    public required string Bucket { get; init; }

    /// <summary>Of a store that speaks S3; null: Amazon's, in <see cref="Region"/>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Signed with; must be that of the bucket where it is Amazon's.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>null, with <see cref="Secret"/>: what the SDK finds in environment, profile or machine.</summary>
    public string? KeyId { get; init; }

    public string? Secret { get; init; }

    /// <summary>Comes before the hash in keys, as it is: <c>blobs/</c> for example.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Whether the bucket is named in the path, as most stores but Amazon's want it; null: unless it is Amazon's.</summary>
    public bool? PathStyle { get; init; }

    /// <summary>Whether readers are sent to the bucket, by an address that is good for <see cref="AddressLifetime"/>.</summary>
    public bool Presign { get; init; }

    public TimeSpan AddressLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Bytes of a part; smaller blobs go in one request. S3 takes 5 MiB at least, and 10,000 parts.</summary>
    public int PartBytes { get; init; } = 8 << 20;

    /// <summary>Requests that send bytes, of all blobs.</summary>
    public int TransfersMax { get; init; } = 4;

    /// <summary>How often the SDK tries again what may work then.</summary>
    public int RetriesMax { get; init; } = 3;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Bucket);
        ArgumentException.ThrowIfNullOrEmpty(Region);
        ArgumentNullException.ThrowIfNull(Prefix);
        if (KeyId is null != Secret is null) throw new ArgumentException("an S3 key id needs its secret", nameof(Secret));
        ArgumentOutOfRangeException.ThrowIfLessThan(PartBytes, 5 << 20);
        ArgumentOutOfRangeException.ThrowIfLessThan(TransfersMax, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(RetriesMax);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(AddressLifetime, TimeSpan.Zero);
    }
}
