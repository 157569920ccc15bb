using Automerge.Columns;
using Automerge.Documents;
using SharedTests.Fuzzing;

namespace Automerge.Tests.Fuzzing;

/// <summary>Makes a hostile document chunk of an honest one; its heads are made right again where its changes can be made.</summary>
internal static class DocumentMutator
{
    public static byte[] Mutate(Random random, byte[] honest, DocumentLimits limits)
    {
        if (random.Next(8) == 0)
        {
            byte[] damaged = ByteMutator.Mutate(random, honest);
            return random.Next(4) == 0 ? damaged : FuzzColumn.Sealed(damaged);
        }

        DocumentParts parts = DocumentParts.Parse(honest);
        for (int count = 1 + random.Next(2); count > 0; count--)
        {
            switch (random.Next(10))
            {
                case 0: MutateHeader(random, parts); break;
                case 1 or 2: ColumnMutator.Mutate(random, parts.ChangeColumns); break;
                case 3 or 4: ColumnMutator.Mutate(random, parts.OpColumns); break;
                default: MutateRows(random, parts); break;
            }

            if (random.Next(2) == 0) break;
        }

        if (random.Next(10) > 0) parts.RepairHeads(limits);
        return parts.Write();
    }

    private static void MutateHeader(Random random, DocumentParts parts)
    {
        switch (random.Next(6))
        {
            case 0: parts.Actors.Add([.. Enumerable.Repeat((byte)0xff, random.Next(80))]); break;
            case 1 when parts.Actors.Count > 0: parts.Actors[random.Next(parts.Actors.Count)] = [(byte)random.Next(256)]; break;
            case 2 when parts.Actors.Count > 1: parts.Actors.RemoveAt(random.Next(parts.Actors.Count)); break;
            case 3: parts.Heads.Add(ChangeMutator.RandomHash(random)); break;
            case 4 when parts.Heads.Count > 0: parts.Heads.RemoveAt(random.Next(parts.Heads.Count)); break;
            default: parts.HeadRows = ByteMutator.Mutate(random, parts.HeadRows); break;
        }
    }

    private static void MutateRows(Random random, DocumentParts parts)
    {
        List<DocumentRow> rows;
        try
        {
            rows = DocumentRows.Read(parts.OpColumns);
        }
        catch (Xunit.Sdk.XunitException)
        {
            return;         // columns were damaged before
        }

        if (rows.Count == 0) return;
        for (int count = 1 + random.Next(3); count > 0; count--) MutateRow(random, rows);
        parts.OpColumns = DocumentRows.Write(rows);
    }

    private static void MutateRow(Random random, List<DocumentRow> rows)
    {
        int at = random.Next(rows.Count);
        DocumentRow row = rows[at], other = rows[random.Next(rows.Count)], next = rows[Math.Min(at + 1, rows.Count - 1)];
        switch (random.Next(15))
        {
            case 0: row.Action = random.Next(9); break;
            case 1: (row.Metadata, row.Value) = (other.Metadata, other.Value); break;
            case 2: row.Key = other.Key; break;
            case 3: row.Object = other.Object; break;
            case 4: row.Element = random.Next(3) == 0 ? (IntegerColumnReader.Null, 0) : random.Next(2) == 0 ? other.Element : other.Id; break;
            case 5: row.Insert = !row.Insert; break;
            case 6 or 7: row.Successors = [.. row.Successors.Append(random.Next(2) == 0 ? other.Id : next.Id).OrderBy(id => (id.Counter, id.Actor))]; break;
            case 8 when row.Successors.Count > 0: row.Successors.RemoveAt(random.Next(row.Successors.Count)); break;
            case 9 when row.Successors.Count > 0: other.Successors = [.. other.Successors.Append(row.Successors[0]).OrderBy(id => (id.Counter, id.Actor))]; break;
            case 10: (rows[at], rows[Math.Min(at + 1, rows.Count - 1)]) = (next, row); break;
            case 11: row.MarkName = row.MarkName is null ? "bold"u8.ToArray() : null; break;
            case 12: row.Expand = !row.Expand; break;
            case 13: (row.Id, next.Id) = (next.Id, row.Id); break;
            default: row.Value = [.. row.Value.Reverse()]; break;
        }
    }
}
