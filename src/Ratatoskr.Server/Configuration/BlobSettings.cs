using Ratatoskr.Engine.Blobs;

namespace Ratatoskr.Server.Configuration;

/// <summary>The settings of blobs: who may read them, and where their bytes are.</summary>
internal sealed record BlobSettings
{
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; other stores allow more, none needs it.
    private const int BucketLengthMin = 3;
    private const int BucketLengthMax = 63;
    private const int PrefixLengthMax = 500;

    public BlobRule Rule { get; init; }

    /// <summary>null: files in the data folder.</summary>
    public S3Settings? S3 { get; init; }

    /// <exception cref="SettingException">The first one that cannot be used. Secrets are never shown.</exception>
    public static BlobSettings Read(Func<string, string?> text) => new()
    {
        Rule = text("BLOB_ACCESS") switch
        {
            null or "accounts" => BlobRule.Accounts,
            "capability" => BlobRule.Capability,
            { } other => throw new SettingException("BLOB_ACCESS", other, "it must be accounts or capability"),
        },
        S3 = text("BLOB_STORE") switch
        {
            null or "files" => null,
            "s3" => ReadS3(text),
            { } other => throw new SettingException("BLOB_STORE", other, "it must be files or s3"),
        },
    };

    private static S3Settings ReadS3(Func<string, string?> text)
    {
        string bucket = text("S3_BUCKET") ?? throw new SettingException("S3_BUCKET", "", "BLOB_STORE is s3, so it must name the bucket");
        if (bucket.Length is < BucketLengthMin or > BucketLengthMax || bucket.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_')))
            throw new SettingException("S3_BUCKET", bucket, $"it must be the name of a bucket: {BucketLengthMin} to {BucketLengthMax} letters, digits, '-' and '.'");
        string prefix = text("S3_PREFIX") ?? "";
        if (prefix.Length > PrefixLengthMax || prefix.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_' or '/')) || prefix.StartsWith('/'))
            throw new SettingException("S3_PREFIX", prefix, "it must be letters, digits, '-', '.', '_' and '/', and not begin with '/'");
        string? id = text("S3_ACCESS_KEY_ID"), secret = text("S3_SECRET_ACCESS_KEY");
        if (id is null != secret is null) throw new SettingException("S3_SECRET_ACCESS_KEY", secret is null ? "" : "(hidden)", "it goes with S3_ACCESS_KEY_ID: both or neither");
        return new S3Settings
        {
            Bucket = bucket,
            Prefix = prefix,
            Endpoint = EndpointOf(text("S3_ENDPOINT")),
            Region = text("S3_REGION") ?? "us-east-1",
            KeyId = id,
            Secret = secret,
            Presign = text("S3_PRESIGNED_DOWNLOADS") switch
            {
                null or "false" => false,
                "true" => true,
                { } other => throw new SettingException("S3_PRESIGNED_DOWNLOADS", other, "it must be true or false"),
            },
        };
    }

    private static Uri? EndpointOf(string? text)
    {
        if (text is null) return null;
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? uri
            : throw new SettingException("S3_ENDPOINT", text, "it must be an http or https address without a query");
    }
}

/// <summary>A bucket.</summary>
internal sealed record S3Settings
{
    public required string Bucket { get; init; }

    /// <summary>null: Amazon's.</summary>
    public Uri? Endpoint { get; init; }

    public required string Region { get; init; }

    /// <summary>null: as the SDK finds it on this machine.</summary>
    public string? KeyId { get; init; }

    public string? Secret { get; init; }

    public string Prefix { get; init; } = "";

    /// <summary>Readers are sent to the bucket.</summary>
    public bool Presign { get; init; }

    // Without the secret.
    public override string ToString() => $"{Endpoint}{Bucket}/{Prefix}";
}
