using Ratatoskr.Engine.Access;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Servers;

namespace Ratatoskr.Simulation.Tests.Checks;

/// <summary>
/// Who may no longer do what: a right that a call of the API takes away is gone for certain when that call has returned. What is given may be used from the moment on
/// in which it is written down.
/// </summary>
internal sealed class AccessAudit
{
    private readonly AccountTruth _accounts;
    private readonly string[] _users;
    private readonly DocumentId[] _documents;
    private readonly Right[,] _rights;
    private readonly bool[] _isDeleted;
    private readonly int[] _deletedIn;
    private readonly Expiration[] _expirations;
    private readonly AsyncLocal<int> _call = new();

    public AccessAudit(AccountTruth accounts, string[] users, DocumentId[] documents)
    {
        _accounts = accounts;
        _users = users;
        _documents = documents;
        _rights = new Right[users.Length, documents.Length];
        _isDeleted = new bool[documents.Length];
        _deletedIn = new int[documents.Length];
        _expirations = new Expiration[documents.Length];
        Restarted();
    }

    /// <summary>A call of the API begins: what is written in its course is its doing.</summary>
    public void Begin(int call) => _call.Value = call;

    /// <summary>It is certain that the user may not read the document.</summary>
    public bool MustNotRead(string user, DocumentId id) => Find(user, id).MustNotRead || _expirations[IndexOf(id)].InForce <= _accounts.Now;

    /// <summary>It is certain that the user may not write to the document.</summary>
    public bool MustNotWrite(string user, DocumentId id) => Find(user, id).MustNotWrite;

    /// <summary>The document was deleted, the call has returned, and nobody has registered it since.</summary>
    public bool IsDeleted(DocumentId id) => _isDeleted[IndexOf(id)];

    /// <summary>Something that decides access was written.</summary>
    public void Changed()
    {
        for (int d = 0; d < _documents.Length; d++)
        {
            if (_accounts[_documents[d]] is not null) (_isDeleted[d], _deletedIn[d]) = (false, 0);
            else if (_deletedIn[d] == 0) _deletedIn[d] = _call.Value;
            _expirations[d].Changed(_accounts[_documents[d]]?.ExpiresAt, _call.Value);
            for (int u = 0; u < _users.Length; u++) _rights[u, d].Changed(_accounts.May(_users[u], _documents[d]), _call.Value);
        }
    }

    /// <summary>A call of the API has returned: what it has taken away is gone.</summary>
    public void Returned(int call)
    {
        for (int d = 0; d < _documents.Length; d++) _isDeleted[d] |= _deletedIn[d] == call;
        Failed(call);
    }

    /// <summary>A call of the API has failed: what it wrote down all the same is in force, though content may be there that it was to remove.</summary>
    public void Failed(int call)
    {
        for (int d = 0; d < _documents.Length; d++)
        {
            _expirations[d].Returned(call);
            for (int u = 0; u < _users.Length; u++) _rights[u, d].Returned(call);
        }
    }

    /// <summary>A process has started: it knows what is written down and nothing else.</summary>
    public void Restarted()
    {
        for (int d = 0; d < _documents.Length; d++)
        {
            _expirations[d] = new Expiration(_accounts[_documents[d]]?.ExpiresAt);
            for (int u = 0; u < _users.Length; u++) _rights[u, d].Restarted(_accounts.May(_users[u], _documents[d]));
        }
    }

    private ref Right Find(string user, DocumentId id) => ref _rights[Array.IndexOf(_users, user), IndexOf(id)];

    private int IndexOf(DocumentId id) => Array.IndexOf(_documents, id);

    private struct Expiration(DateTimeOffset? end)
    {
        private DateTimeOffset? _written = end;
        private int _changedIn;

        /// <summary>When it certainly expires; null while that is being changed.</summary>
        public DateTimeOffset? InForce { get; private set; } = end;

        public void Changed(DateTimeOffset? end, int call)
        {
            if (end == _written) return;
            (_written, _changedIn, InForce) = (end, call, null);
        }

        public void Returned(int call)
        {
            if (_changedIn == call) InForce = _written;
        }
    }

    private struct Right
    {
        private Permission _may;
        private int _readLostIn;
        private int _writeLostIn;

        public bool MustNotRead { get; private set; }

        public bool MustNotWrite { get; private set; }

        public void Changed(Permission may, int call)
        {
            Permission lost = _may & ~may;
            if ((lost & Permission.Read) != 0) _readLostIn = call;
            if ((lost & Permission.Write) != 0) _writeLostIn = call;
            _may = may;
            if ((may & Permission.Read) != 0) (MustNotRead, _readLostIn) = (false, 0);
            if ((may & Permission.Write) != 0) (MustNotWrite, _writeLostIn) = (false, 0);
        }

        public void Returned(int call)
        {
            if (_readLostIn == call) MustNotRead = true;
            if (_writeLostIn == call) MustNotWrite = true;
        }

        public void Restarted(Permission may)
        {
            _may = may;
            (_readLostIn, _writeLostIn) = (0, 0);
            MustNotRead = (may & Permission.Read) == 0;
            MustNotWrite = (may & Permission.Write) == 0;
        }
    }
}
