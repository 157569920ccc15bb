using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>The system's SQLite instead of one in a package, which would be from 2021 and have its faults (docs/adr/0008). Loaded once per process.</summary>
/// <remarks>Safe on any thread.</remarks>
internal static class SqliteLibrary
{
    // 3.37.0 brought STRICT tables.
    private const int VersionMin = 3_037_000;

    private static readonly Lazy<string?> s_failure = new(Load);

    private static string[] Names => OperatingSystem.IsWindows() ? ["sqlite3", "winsqlite3"]
        : OperatingSystem.IsMacOS() ? ["libsqlite3.dylib"]
        : ["libsqlite3.so.0", "libsqlite3.so"];

    public static string Version => raw.sqlite3_libversion().utf8_to_string();

    /// <exception cref="StoreFolderException">There is none, or it is too old.</exception>
    public static void Require()
    {
        if (s_failure.Value is { } failure) throw new StoreFolderException(failure);
    }

    private static string? Load()
    {
        if (!TryFind(Names, out nint library)) return Missing(Names);
        NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, (name, _, _) => name == "e_sqlite3" ? library : 0);
        raw.SetProvider(new SQLite3Provider_e_sqlite3());
        raw.FreezeProvider();
        int version = raw.sqlite3_libversion_number();
        return version >= VersionMin ? null : $"the system's SQLite is {Version}; 3.37 or newer is needed";
    }

    internal static string Missing(string[] names) =>
        $"SQLite is not installed: {string.Join(" or ", names)} cannot be loaded (on Debian and Ubuntu: apt-get install libsqlite3-0)";

    private static bool TryFind(string[] names, out nint library)
    {
        Assembly assembly = typeof(SqliteLibrary).Assembly;
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, assembly, DllImportSearchPath.SafeDirectories, out library)) return true;
        }

        library = 0;
        return false;
    }
}
