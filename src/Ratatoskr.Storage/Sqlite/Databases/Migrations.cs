using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>Brings a database to the version of this program: embedded scripts, numbered from 1 without gaps, each in a transaction with its number.</summary>
internal static partial class Migrations
{
    // "Rata": says whose database it is (PRAGMA application_id).
    private const int ApplicationId = 0x52617461;

    public static int Newest => Scripts.Count;

    private static List<string> Scripts { get; } = Load();

    /// <exception cref="StoreFolderException">Another program's database, or a newer version's.</exception>
    public static void Run(Connection connection, string file)
    {
        long version = connection.Scalar<long>("PRAGMA user_version");
        bool ours = connection.Scalar<long>("PRAGMA application_id") == ApplicationId;
        if (!ours && (version != 0 || connection.Scalar<long>("SELECT count(*) FROM sqlite_schema") != 0))
        {
            throw new StoreFolderException($"the database {file} is another program's; it is not opened");
        }

        if (version > Newest)
        {
            throw new StoreFolderException(
                string.Create(CultureInfo.InvariantCulture, $"the database {file} has version {version}, this program knows versions up to {Newest}: a newer one wrote it"));
        }

        for (int next = (int)version + 1; next <= Newest; next++)
        {
            connection.Execute("BEGIN IMMEDIATE");
            try
            {
                connection.Execute(Scripts[next - 1]);
                connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {next}"));
                connection.Execute("COMMIT");
            }
            catch
            {
                connection.TryRollBack();
                throw;
            }
        }
    }

    private static List<string> Load()
    {
        Assembly assembly = typeof(Migrations).Assembly;
        List<string> scripts = [];
        foreach (string name in assembly.GetManifestResourceNames().Where(n => Name.IsMatch(n)).Order(StringComparer.Ordinal))
        {
            if (int.Parse(Name.Match(name).Groups[1].ValueSpan, CultureInfo.InvariantCulture) != scripts.Count + 1) throw new InvalidOperationException($"the migration {name} is out of order");
            using StreamReader reader = new(assembly.GetManifestResourceStream(name)!);
            scripts.Add(reader.ReadToEnd());
        }

        return scripts;
    }

    [GeneratedRegex(@"\.Sqlite\.Migrations\.(\d{4})_\w+\.sql$")]
    private static partial Regex Name { get; }
}
