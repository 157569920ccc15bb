namespace Ratatoskr.Engine.Buffers;

/// <summary>Whose buffers are counted as long as anybody holds them. Called on any thread.</summary>
internal interface IBufferAccount
{
    void Taken(int bytes);

    void Returned(int bytes);
}
