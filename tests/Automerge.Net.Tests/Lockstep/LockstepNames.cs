using System.Text.Json;
using Automerge.Changes;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>Objects, heads and cursors that steps gave a name, as they are here.</summary>
internal sealed class LockstepNames
{
    private readonly Dictionary<string, ObjectId> _objects = new() { ["_root"] = ObjectId.Root };
    private readonly Dictionary<string, ChangeHash[]> _heads = new() { ["h0"] = [] };
    private readonly Dictionary<string, Cursor> _cursors = [];

    public void SetObject(string name, ObjectId id) => _objects[name] = id;

    public void SetHeads(string name, ChangeHash[] heads) => _heads[name] = heads;

    public void SetCursor(string name, Cursor cursor) => _cursors[name] = cursor;

    /// <summary>By name, or, when no step made it, by id.</summary>
    public ObjectId Object(JsonElement name)
    {
        if (_objects.TryGetValue(name.GetString()!, out ObjectId id)) return id;
        Assert.True(ObjectId.TryParse(name.GetString(), out id), $"no such object: {name}");
        return id;
    }

    /// <summary>null: now.</summary>
    public ChangeHash[]? Heads(JsonElement name) => name.ValueKind == JsonValueKind.Null ? null : _heads[name.GetString()!];

    public Cursor Cursor(JsonElement name) => _cursors[name.GetString()!];
}
