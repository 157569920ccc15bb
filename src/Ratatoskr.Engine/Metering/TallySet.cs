using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Ratatoskr.Engine.Metering;

/// <summary>A <see cref="Tally"/> for each value of a label. All are there from the start, at 0: a label that never occurred can be told from one that does not exist.</summary>
/// <typeparam name="TLabel">An enumeration of bytes from 0 without gaps. Its names, in snake case, are the label's values.</typeparam>
/// <remarks>Safe on any thread.</remarks>
public sealed class TallySet<TLabel>
    where TLabel : struct, Enum
{
    private readonly Tally[] _tallies;
    private readonly KeyValuePair<string, object?>[] _labels;

    /// <param name="label">The label's name.</param>
    internal TallySet(string label)
    {
        _labels = LabelsOf(label);
        _tallies = [.. _labels.Select(static _ => new Tally())];
    }

    public void Add(TLabel value, long amount = 1) => _tallies[Unsafe.BitCast<TLabel, byte>(value)].Add(amount);

    internal static KeyValuePair<string, object?>[] LabelsOf(string label) =>
        [.. Enum.GetNames<TLabel>().Select(name => new KeyValuePair<string, object?>(label, SnakeCase(name)))];

    internal IEnumerable<Measurement<long>> Read()
    {
        for (int i = 0; i < _tallies.Length; i++) yield return new Measurement<long>(_tallies[i].Total, _labels[i]);
    }

    private static string SnakeCase(string name)
    {
        StringBuilder text = new();
        foreach (char c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
