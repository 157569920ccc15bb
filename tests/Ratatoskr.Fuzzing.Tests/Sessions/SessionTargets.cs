using Automerge.Tests.Fuzzing;
using Ratatoskr.Fuzzing.Tests.Corpora;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Sessions;

/// <summary>
/// Whole sessions, before and after the sign-in, beside honest ones: no exception escapes, a connection goes on or is closed with a code that says why, the honest peers' documents converge
/// and are stored, nobody is shown what he may not read, and the memory of it is given back.
/// </summary>
public class SessionTargets
{
    private const int StepsMax = 40;

    public static TheoryData<string> Files => Corpus.Names("sessions");

    [Theory]
    [MemberData(nameof(Files))]
    public void Corpus_file(string name)
    {
        byte[] bytes = Corpus.Read("sessions", name);
        foreach (bool withAccounts in (bool[])[false, true])
        {
            FuzzCase one = new(1);
            using SessionWorld world = new(one, FuzzCorpus.Documents[0], withAccounts);
            world.Deliver(bytes);
            world.Settle();
            world.CheckAftermath();
        }
    }

    [Fact]
    public void Session_where_everybody_may_do_everything() => FuzzRun.Run(300, one => RunOne(one, withAccounts: false));

    [Fact]
    public void Session_with_accounts() => FuzzRun.Run(300, one => RunOne(one, withAccounts: true));

    private static string? RunOne(FuzzCase one, bool withAccounts)
    {
        using SessionWorld world = new(one, one.Pick(FuzzCorpus.Documents), withAccounts);
        new SessionMutator(one, world).Run(1 + one.Random.Next(StepsMax));
        world.CheckAftermath();
        return world.Refusal;
    }
}
