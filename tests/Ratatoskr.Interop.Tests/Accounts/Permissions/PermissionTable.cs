namespace Ratatoskr.Interop.Tests.Accounts.Permissions;

/// <summary>
/// What the rules say about everybody and everything, cell by cell, written down from their text: owners may do all; an entry of the access list gives its permission to the
/// user it names, to everybody (<c>public</c>), or to whoever has any access to the document it names, ten steps away at most; an app document is its owner's alone;
/// a token does what its user may and its scopes name; what has expired, was deleted or never registered is not there.
/// </summary>
internal static class PermissionTable
{
    /// <summary>Documents with content. The access list of the first is that of all but the app document, which can have none; the public ones have one entry more.</summary>
    public static readonly string[] There = ["private", "public-read", "public-write", "app"];

    public static readonly string[] Gone = ["expired", "deleted", "unregistered"];

    public static readonly string[] Kinds = [.. There, .. Gone];

    // "through n": n documents lie between the user and the document; the first is named with the permission that he gets, the last names him.
    // Tokens are the owner's; "token one" names the documents of the table, "token other" another one.
    private const string Access = """
        who           private      public-read  public-write  app
        owner         all          all          all           all
        writer        write        write        write         none
        reader        read         read         write         none
        stranger      none         read         write         none
        anonymous     none         read         write         none
        through-1     write        write        write         none
        through-10    read         read         write         none
        through-11    none         read         write         none
        token-read    scope:read   scope:read   scope:read    scope:read
        token-write   all          all          all           all
        token-one     all          all          all           all
        token-other   scope:none   scope:none   scope:none    scope:none
        token-empty   scope:none   scope:none   scope:none    scope:none
        """;

    // 401 unauthorized, 403 forbidden, S: 403 insufficient_scope, 404 not_found. One line more where a row meets documents that are not there.
    private const string Rest = """
        may               get  export  json  history  snapshot  diff  get-acl  content  put-acl  type  expiration  delete
        all               200  200     200   200      200       200   200      200      200      200   200         204
        write             200  200     200   200      200       200   403      200      403      403   403         403
        read              200  200     200   200      200       200   403      403      403      403   403         403
        none              403  403     403   403      403       403   403      403      403      403   403         403
        scope:read        200  200     200   200      200       200   200      S        S        S     S           S
        scope:none        S    S       S     S        S         S     S        S        S        S     S           S
        anonymous         401  401     401   401      401       401   401      401      401      401   401         401
        gone              404  404     404   404      404       404   404      404      404      404   404         404
        gone,token-read   404  404     404   404      404       404   404      S        S        S     S           S
        gone,token-empty  S    S       S     S        S         S     S        S        S        S     S           S
        """;

    // What a peer that asks for a document, then writes to it, then broadcasts in it, is told; and whether others hear the broadcast, and it theirs.
    private const string Socket = """
        may         read                write              broadcast
        all         ok                  ok                 heard
        write       ok                  ok                 heard
        read        ok                  permission_denied  heard
        none        permission_denied   doc-unavailable    -
        scope:read  ok                  permission_denied  heard
        scope:none  permission_denied   doc-unavailable    -
        gone        document_not_found  doc-unavailable    -
        """;

    private static readonly Dictionary<(string, string), string> s_access = Parse(Access);
    private static readonly Dictionary<(string, string), string> s_rest = Parse(Rest);
    private static readonly Dictionary<(string, string), string> s_socket = Parse(Socket);

    public static string[] Everybody { get; } = [.. s_access.Keys.Select(cell => cell.Item1).Distinct()];

    public static string[] RestOperations { get; } = [.. s_rest.Keys.Select(cell => cell.Item2).Distinct()];

    public static string[] SocketOperations { get; } = [.. s_socket.Keys.Select(cell => cell.Item2).Distinct()];

    public static string OnRest(string who, string kind, string operation)
    {
        string row = who == "anonymous" ? who : MayOf(who, kind);
        if (row == "gone" && s_rest.ContainsKey(("gone," + who, operation))) row = "gone," + who;
        return (row, kind, operation, s_rest[(row, operation)]) switch
        {
            // App documents are private for ever, whoever asks nicely.
            ("all", "app", "put-acl", _) => "400 invalid_request",
            (_, _, _, "401") => "401 unauthorized",
            (_, _, _, "403") => "403 forbidden",
            (_, _, _, "S") => "403 insufficient_scope",
            (_, _, _, "404") => "404 not_found",
            (_, _, _, string good) => good,
        };
    }

    public static string OnSocket(string who, string kind, string operation) => s_socket[(MayOf(who, kind), operation)];

    public static bool MayWriteOnSocket(string who, string kind) => OnSocket(who, kind, "write") == "ok";

    public static bool MayReadOnSocket(string who, string kind) => OnSocket(who, kind, "read") == "ok";

    private static string MayOf(string who, string kind) => Gone.Contains(kind) ? "gone" : s_access[(who, kind)];

    private static Dictionary<(string Row, string Column), string> Parse(string table)
    {
        string[][] lines = [.. table.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        Dictionary<(string, string), string> cells = [];
        foreach (string[] line in lines[1..])
        {
            Assert.Equal(lines[0].Length, line.Length);
            for (int column = 1; column < line.Length; column++) cells[(line[0], lines[0][column])] = line[column];
        }

        return cells;
    }
}
