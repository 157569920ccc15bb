using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Ratatoskr.Storage.Sqlite;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Tests.Sqlite;

/// <summary>No statement walks a table that grows: SQLite is asked how it would go about each.</summary>
public sealed partial class QueryPlanTests
{
    public static TheoryData<string> Statements =>
        [.. typeof(Sql).GetFields(BindingFlags.Static | BindingFlags.Public).Where(f => f.IsLiteral).Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Statements))]
    public void A_statement_searches_by_index(string name)
    {
        using AccountFolder folder = new();
        using Connection connection = Database.Open(folder.File);
        string[] plan = Plan(connection, (string)typeof(Sql).GetField(name)!.GetRawConstantValue()!);
        Assert.True(plan.Length > 0 || name.StartsWith("Add", StringComparison.Ordinal), "no plan");
        Assert.Empty(Walks(plan));
        if (name is not (nameof(Sql.ListAccessible) or nameof(Sql.Acls))) Assert.DoesNotContain(plan, step => step.Contains("FOR ORDER BY", StringComparison.Ordinal));
    }

    [Fact]
    public void Triggers_search_by_index()
    {
        using AccountFolder folder = new();
        using Connection connection = Database.Open(folder.File);
        List<string> triggers = connection.Prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").All(row => row.GetString(0));
        Assert.Equal(12, triggers.Count);
        foreach (string trigger in triggers)
        {
            string body = trigger[(trigger.IndexOf("BEGIN", StringComparison.Ordinal) + 5)..trigger.LastIndexOf("END", StringComparison.Ordinal)];
            foreach (string statement in body.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                Assert.Empty(Walks(Plan(connection, RowReference().Replace(statement, "$$$1"))));
            }
        }
    }

    [Theory]
    [InlineData("SELECT * FROM documents WHERE type = $type")]
    [InlineData("SELECT count(*) FROM documents")]
    [InlineData("SELECT d.id FROM documents AS d JOIN acl_entries AS e ON e.document = d.row")]
    [InlineData("UPDATE documents SET referrers = 0 WHERE name = $a OR type = $a")]
    public void A_walk_is_noticed(string sql)
    {
        using AccountFolder folder = new();
        using Connection connection = Database.Open(folder.File);
        Assert.NotEmpty(Walks(Plan(connection, sql)));
    }

    // "SCAN x" is a walk through all of x, with an index or without; what the recursion has found so far is walked by its nature, as is a list of values that comes with the call.
    private static IEnumerable<string> Walks(string[] plan) => plan.Where(step =>
        (step.StartsWith("SCAN ", StringComparison.Ordinal) && step is not ("SCAN reach" or "SCAN referrer" or "SCAN subject" or "SCAN CONSTANT ROW" or "SCAN page VIRTUAL TABLE INDEX 1:"))
        || step.Contains("AUTOMATIC", StringComparison.Ordinal));

    private static string[] Plan(Connection connection, string sql)
    {
        Statement statement = connection.Prepare("EXPLAIN QUERY PLAN " + sql);
        foreach (Match match in Parameter().Matches(sql)) statement.Set(match.Value, 1L);
        return [.. statement.All((SqliteDataReader row) => row.GetString(3))];
    }

    [GeneratedRegex(@"\$\w+")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\b(?:new|old)\.(\w+)")]
    private static partial Regex RowReference();
}
