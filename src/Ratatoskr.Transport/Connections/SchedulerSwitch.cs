using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Ratatoskr.Transport.Connections;

/// <summary>To be awaited: what follows runs where the scheduler says.</summary>
internal readonly struct SchedulerSwitch(PipeScheduler scheduler) : ICriticalNotifyCompletion
{
    public bool IsCompleted => false;

    public SchedulerSwitch GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => scheduler.Schedule(static state => ((Action)state!)(), continuation);

    public void UnsafeOnCompleted(Action continuation) => OnCompleted(continuation);
}
