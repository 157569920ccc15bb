namespace Ratatoskr.Server.Configuration;

/// <summary>A setting that cannot be used: ends the start with exit code 2 and this one line.</summary>
internal sealed class SettingException(string name, string value, string allowed)
    : Exception($"{name}={OneLine(value)} cannot be used: {OneLine(allowed)}")
{
    public string Name { get; } = name;

    // A value is shown as it is, but can neither forge a second line nor fill the screen.
    private static string OneLine(string text)
    {
        const int lengthMax = 300;
        if (text.Length > lengthMax) text = text[..lengthMax] + "…";
        return string.Create(text.Length, text, static (to, from) =>
        {
            for (int i = 0; i < to.Length; i++) to[i] = char.IsControl(from[i]) ? ' ' : from[i];
        });
    }
}
