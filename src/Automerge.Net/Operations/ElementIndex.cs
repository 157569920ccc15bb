using System.Diagnostics;

namespace Automerge.Operations;

/// <summary>
/// In which leaf an element is, by its id: per actor the counters at which the leaf changes. Ids between belong to the leaf named last, or are no elements at all,
/// which the leaf knows. So the index grows with the places an actor wrote at, not with what was written.
/// </summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class ElementIndex
{
    private readonly List<ActorElements> _actors = new(1);
    private bool _isDeferred;

    public long MemoryBytes { get; private set; } = 100;

    /// <summary>While a whole document is read, elements are not taken note of one by one, and none is found: <see cref="Fill"/> makes up for it at a third of the cost.</summary>
    public void Defer() => _isDeferred = true;

    /// <summary>Takes note of all elements there are, after <see cref="Defer"/>.</summary>
    public void Fill(IReadOnlyCollection<OpObject> objects)
    {
        _isDeferred = false;
        List<List<(uint First, SequenceLeaf Leaf)>> places = [];
        List<uint> greatest = [];
        foreach (OpObject sequence in objects)
        {
            for (SequenceLeaf? leaf = (sequence as SequenceObject)?.First; leaf is not null; leaf = leaf.Next)
            {
                foreach (ref readonly ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
                {
                    while (places.Count <= run.Id.Actor)
                    {
                        places.Add([]);
                        greatest.Add(0);
                    }

                    places[run.Id.Actor].Add((run.Id.Counter, leaf));
                    greatest[run.Id.Actor] = Math.Max(greatest[run.Id.Actor], run.Last.Counter);
                }
            }
        }

        for (int actor = 0; actor < places.Count; actor++)
        {
            places[actor].Sort(static (left, right) => left.First.CompareTo(right.First));
            AddActor();
            MemoryBytes += _actors[actor].Fill(places[actor], greatest[actor]);
        }
    }

    /// <summary>The leaf that has the element if any has.</summary>
    public SequenceLeaf? Find(LocalId id) => id.Actor < _actors.Count ? _actors[id.Actor].Find(id.Counter) : null;

    /// <summary>Says that <paramref name="count"/> consecutive elements are in a leaf.</summary>
    public void Assign(LocalId first, int count, SequenceLeaf leaf)
    {
        if (_isDeferred) return;
        while (_actors.Count <= first.Actor) AddActor();
        MemoryBytes += _actors[first.Actor].Assign(first.Counter, first.Counter + (uint)(count - 1), leaf);
    }

    private void AddActor()
    {
        _actors.Add(new ActorElements());
        MemoryBytes += 100;
    }

    /// <summary>An ordered map in blocks, so that an entry in the middle moves a block at most.</summary>
    private sealed class ActorElements
    {
        private const int EntriesMax = 128;
        private const int EntriesFilled = 96;

        // Of most actors in most texts there is one entry.
        private const int EntriesMin = 2;

        // A start and a leaf; a block with its arrays' headers.
        private const int EntryBytes = 12;
        private const int BlockBytes = 100;

        private readonly List<Block> _blocks = new(1);
        private uint _greatest;
        private long _bytes;

        public SequenceLeaf? Find(uint counter)
        {
            int block = BlockOf(counter);
            return block < 0 ? null : _blocks[block].Find(counter);
        }

        // Returns bytes of memory more than before.
        public long Assign(uint first, uint last, SequenceLeaf leaf)
        {
            // What comes after the last one stays where it was: an entry must say so, if there is anything.
            SequenceLeaf? after = last < _greatest ? Find(last + 1) : null;
            SequenceLeaf? before = first == 0 ? null : Find(first - 1);
            long bytes = _bytes;
            RemoveBetween(first, last);
            if (before != leaf) Set(first, leaf);
            if (after is not null && after != leaf) Set(last + 1, after);
            _greatest = Math.Max(_greatest, last);
            return _bytes - bytes;
        }

        // What is given is ascending. Blocks are left with room, or each of the next entries would split one.
        public long Fill(List<(uint First, SequenceLeaf Leaf)> places, uint greatest)
        {
            Debug.Assert(_blocks.Count == 0, "to be filled once");
            _greatest = greatest;
            SequenceLeaf? last = null;
            foreach ((uint first, SequenceLeaf leaf) in places)
            {
                if (leaf == last) continue;
                if (_blocks.Count == 0 || _blocks[^1].Count == EntriesFilled) Add(_blocks.Count, new Block(EntriesMin));
                Insert(_blocks[^1], _blocks[^1].Count, first, leaf);
                last = leaf;
            }

            return _bytes;
        }

        private int BlockOf(uint counter)
        {
            int low = 0, high = _blocks.Count - 1;
            while (low <= high)
            {
                int middle = (low + high) >>> 1;
                if (_blocks[middle].Starts[0] <= counter) low = middle + 1;
                else high = middle - 1;
            }

            return high;
        }

        private void Set(uint counter, SequenceLeaf leaf)
        {
            int at = Math.Max(0, BlockOf(counter));
            if (_blocks.Count == 0) Add(0, new Block(EntriesMin));
            Block block = _blocks[at];
            int place = block.PlaceOf(counter);
            if (place < block.Count && block.Starts[place] == counter)
            {
                block.Leaves[place] = leaf;
                return;
            }

            if (block.Count == EntriesMax)
            {
                Block right = block.Split(place == EntriesMax ? EntriesMax - 1 : EntriesMax / 2);
                Add(at + 1, right);
                if (place > block.Count)
                {
                    place -= block.Count;
                    block = right;
                }
            }

            Insert(block, place, counter, leaf);
        }

        private void Insert(Block block, int place, uint counter, SequenceLeaf leaf)
        {
            if (block.Count == block.Starts.Length)
            {
                _bytes += block.Starts.Length * EntryBytes;
                block.Grow();
            }

            block.Insert(place, counter, leaf);
        }

        private void Add(int at, Block block)
        {
            _blocks.Insert(at, block);
            _bytes += BlockBytes + (block.Starts.Length * EntryBytes);
        }

        private void RemoveBetween(uint first, uint last)
        {
            for (int at = Math.Max(0, BlockOf(first)); at < _blocks.Count;)
            {
                Block block = _blocks[at];
                int from = block.PlaceOf(first), to = from;
                while (to < block.Count && block.Starts[to] <= last) to++;
                bool further = to == block.Count;
                if (to > from) block.Remove(from, to - from);
                if (block.Count > 0)
                {
                    at++;
                }
                else
                {
                    _blocks.RemoveAt(at);
                    _bytes -= BlockBytes + (block.Starts.Length * EntryBytes);
                }

                if (!further) return;
            }
        }

        private sealed class Block(int capacity)
        {
            public uint[] Starts = new uint[capacity];
            public SequenceLeaf[] Leaves = new SequenceLeaf[capacity];
            public int Count;

            public SequenceLeaf? Find(uint counter)
            {
                int place = PlaceOf(counter);
                if (place < Count && Starts[place] == counter) return Leaves[place];
                return place == 0 ? null : Leaves[place - 1];
            }

            // The first entry that is not before the counter.
            public int PlaceOf(uint counter)
            {
                if (Count > 0 && counter > Starts[Count - 1]) return Count;
                int place = Starts.AsSpan(0, Count).BinarySearch(counter);
                return place < 0 ? ~place : place;
            }

            public void Grow()
            {
                Array.Resize(ref Leaves, 2 * Starts.Length);
                Array.Resize(ref Starts, 2 * Starts.Length);
            }

            public void Insert(int place, uint counter, SequenceLeaf leaf)
            {
                Starts.AsSpan(place, Count - place).CopyTo(Starts.AsSpan(place + 1));
                Leaves.AsSpan(place, Count - place).CopyTo(Leaves.AsSpan(place + 1));
                Starts[place] = counter;
                Leaves[place] = leaf;
                Count++;
            }

            public void Remove(int place, int count)
            {
                Starts.AsSpan(place + count, Count - place - count).CopyTo(Starts.AsSpan(place));
                Leaves.AsSpan(place + count, Count - place - count).CopyTo(Leaves.AsSpan(place));
                Leaves.AsSpan(Count - count, count).Clear();
                Count -= count;
            }

            public Block Split(int place)
            {
                Block right = new(EntriesMax) { Count = Count - place };
                Starts.AsSpan(place, right.Count).CopyTo(right.Starts);
                Leaves.AsSpan(place, right.Count).CopyTo(right.Leaves);
                Leaves.AsSpan(place, right.Count).Clear();
                Count = place;
                return right;
            }
        }
    }
}
