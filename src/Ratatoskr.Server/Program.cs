Console.WriteLine("Ratatoskr");
