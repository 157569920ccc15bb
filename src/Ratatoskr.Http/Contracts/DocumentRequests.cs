using System.Text.Json;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Contracts;

/// <summary>Reads the fields of requests about documents. Whether their values will do, the directory says; here it is their types.</summary>
/// <remarks>Fields that nobody knows are passed over, as the original does.</remarks>
internal static class DocumentRequests
{
    public static bool TryReadNew(JsonElement body, out NewDocument document, out string why)
    {
        document = new NewDocument(null, null, null, [], null);
        if (!TryText(body, "id", out string? id, out why)
            || !TryText(body, "automergeId", out string? automergeId, out why)
            || !TryText(body, "type", out string? type, out why)
            || !TryAcl(body, required: false, out IReadOnlyList<AclEntry> acl, out why)
            || !TryExpiration(body, required: false, out DateTimeOffset? expiresAt, out why))
        {
            return false;
        }

        document = new NewDocument(id, automergeId, type, acl, expiresAt);
        return true;
    }

    public static bool TryAcl(JsonElement body, bool required, out IReadOnlyList<AclEntry> acl, out string why)
    {
        acl = [];
        why = "acl: a list of {principal, permission}";
        if (!body.TryGetProperty("acl", out JsonElement list) || (!required && list.ValueKind == JsonValueKind.Null)) return !required;
        if (list.ValueKind != JsonValueKind.Array) return false;
        List<AclEntry> entries = new(list.GetArrayLength());
        foreach (JsonElement entry in list.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Object || !entry.TryGetProperty("principal", out JsonElement principal) || principal.ValueKind != JsonValueKind.String) return false;
            why = "acl: a permission is \"read\" or \"write\"";
            if (!entry.TryGetProperty("permission", out JsonElement permission) || permission.ValueKind != JsonValueKind.String) return false;
            if (permission.ValueEquals("read"u8)) entries.Add(new AclEntry(principal.GetString()!, Permission.Read));
            else if (permission.ValueEquals("write"u8)) entries.Add(new AclEntry(principal.GetString()!, Permission.Read | Permission.Write));
            else return false;
            why = "acl: a list of {principal, permission}";
        }

        acl = entries;
        return true;
    }

    public static bool TryType(JsonElement body, out string type, out string why)
    {
        type = "";
        why = "type: a string is needed";
        if (!body.TryGetProperty("type", out JsonElement value) || value.ValueKind != JsonValueKind.String) return false;
        type = value.GetString()!;
        return true;
    }

    public static bool TryExpiration(JsonElement body, bool required, out DateTimeOffset? expiresAt, out string why)
    {
        expiresAt = null;
        why = required ? "expiresAt: a date as ISO 8601 has it, or null for never" : "expiresAt: a date as ISO 8601 has it";
        if (!body.TryGetProperty("expiresAt", out JsonElement value)) return !required;
        if (value.ValueKind == JsonValueKind.Null) return true;
        if (value.ValueKind != JsonValueKind.String || !ApiTime.TryRead(value.GetString()!, out DateTimeOffset date)) return false;
        expiresAt = DateTimeOffset.FromUnixTimeMilliseconds(date.ToUnixTimeMilliseconds());
        return true;
    }

    private static bool TryText(JsonElement body, string field, out string? text, out string why)
    {
        text = null;
        why = $"{field}: a string is needed";
        if (!body.TryGetProperty(field, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return true;
        if (value.ValueKind != JsonValueKind.String) return false;
        text = value.GetString();
        return true;
    }
}
