using Automerge.Changes;
using Automerge.Operations;

namespace Automerge.Tests.Operations;

public class RegisterTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Register_of_thousands_keeps_order_and_winner(int seed)
    {
        // Against a plain sorted list; beyond a chunk, so that both forms and the change between them are met.
        Random random = new(seed);
        ActorTable actors = new();
        for (byte actor = 5; actor > 0; actor--) actors.Intern([actor]);
        Register register = new();
        SortedDictionary<LocalId, List<LocalId>> model = new(Comparer<LocalId>.Create(actors.Compare));
        for (int step = 0; step < 6_000; step++)
        {
            LocalId id = new((uint)random.Next(1, 100_000), random.Next(5));
            if (model.ContainsKey(id)) continue;
            if (step % 7 == 6)
            {
                LocalId gone = model.Keys.ElementAt(random.Next(model.Count));
                register.Remove(gone, actors);
                model.Remove(gone);
                foreach (List<LocalId> successors in model.Values) successors.Remove(gone);
            }

            foreach (LocalId predecessor in model.Keys.Where(known => actors.IsLess(known, id)).TakeLast(random.Next(3)).ToArray())
            {
                register.AddSuccessor(register.Find(predecessor, actors), id, null, actors);
                model[predecessor].Add(id);
            }

            register.Add(new RegisterOp { Id = id, Action = OpAction.Set }, actors);
            model.Add(id, []);
            if (step % 100 != 0) continue;
            List<LocalId> ids = [];
            foreach (ref RegisterOp op in register.Ops) ids.Add(op.Id);
            Assert.Equal(model.Keys, ids);
            Assert.Equal(model.Count(pair => pair.Value.Count == 0), register.VisibleCount);
            Assert.Equal(ids.FindLastIndex(known => model[known].Count == 0), register.Winner);
            Assert.All(ids.Index(), pair => Assert.Equal(pair.Index, register.Find(pair.Item, actors)));
            Assert.All(ids.Index(), pair => Assert.Equal(model[pair.Item].Count, register[pair.Index].SuccessorCount));
        }
    }
}
