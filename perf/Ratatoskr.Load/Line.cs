using System.Globalization;

namespace Ratatoskr.Load;

/// <summary>Something promised: how one load compares with another, measured in the same rounds.</summary>
/// <param name="Figure">Of one round of the subject and one of the yardstick.</param>
/// <param name="Cpu">The same said in processor time, lowest against lowest: other work on the machine changes it least.</param>
internal sealed record Line(
    string Title, Load Subject, Load Yardstick, Func<Measurement, Measurement, double> Figure, Func<double, double, double> Cpu, double AtLeast, double AtMost)
{
    /// <summary>The subject does so many times as many operations a second.</summary>
    public static Line Faster(string title, Load subject, Load yardstick, double atLeast, double atMost = double.PositiveInfinity) =>
        new(title, subject, yardstick, static (s, y) => s.PerSecond / y.PerSecond, static (s, y) => y / s, atLeast, atMost);

    /// <summary>An operation of the subject takes at most so many times as long.</summary>
    public static Line Longer(string title, Load subject, Load yardstick, double atMost) =>
        new(title, subject, yardstick, static (s, y) => s.P50 / y.P50, static (s, y) => s / y, 0, atMost);

    public override string ToString()
    {
        double[] figures = [.. Subject.Rounds.Zip(Yardstick.Rounds, Figure).Order()];
        double median = Measurement.Median(figures), cpu = Cpu(Measurement.LeastServerCpu(Subject.Rounds), Measurement.LeastServerCpu(Yardstick.Rounds));
        string bound = AtLeast == 0 ? $"at most {AtMost:0.##}" : double.IsInfinity(AtMost) ? $"at least {AtLeast:0.##}" : $"{AtLeast:0.##} to {AtMost:0.##}";
        bool met = median >= AtLeast && median <= AtMost;
        return string.Create(CultureInfo.InvariantCulture, $"| {Title} | {median:0.00} ({figures[0]:0.00}–{figures[^1]:0.00}) | {cpu:0.00} | {bound} | {(met ? "yes" : "no")} |");
    }
}
